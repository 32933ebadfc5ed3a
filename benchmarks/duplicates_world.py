"""A million leads of one business by rows: marks, signatures and bands as they would lie in the database; and posts."""
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from benchmarks.product import make_live_bounties, make_user, settle
from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.crypto import derived_key
from marketplace.foundation.db import db, transaction
from marketplace.foundation.likeness import BANDS, PLACES, ROWS, band_keys, sign_text
from marketplace.referrals.models import LeadSignature, lead_bands

WORDS_OF_A_POST, WORDS_OF_A_LINE, SHARING_IT = 150, 45, 0.3
VOCABULARY = 30_000
FILLED = ("buyers", "leads", "evidence", "lead_bands", "lead_signatures", "known_contacts", "suppressions")
LEAD_ID = "'lead_' || substr('00000000000000000000000000' || {n}, -26)"
HASHES = {"sqlite": "lower(hex(randomblob(32)))", "postgresql": "encode(sha256(({n} || {salt})::text::bytea), 'hex')"}
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) ",
    "postgresql": "WITH numbers AS (SELECT generate_series(1, {count}) AS n) ",
}


class Writer:
    """Posts of 150 words whose frequencies fall as in a language; three in ten end with the same line of 45."""

    def __init__(self, seed: int) -> None:
        self.chosen = random.Random(seed)
        self.words = ["".join(self.chosen.choices("abcdefghijklmnopqrstuvwxyz", k=self.chosen.randint(2, 9)))
                      for _ in range(VOCABULARY)]
        self.weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
        self.line = self.some(WORDS_OF_A_LINE)

    def some(self, count: int) -> list[str]:
        return self.chosen.choices(self.words, cum_weights=self.weights, k=count)

    def post(self) -> list[str]:
        if self.chosen.random() < SHARING_IT:
            return [*self.some(WORDS_OF_A_POST - WORDS_OF_A_LINE), *self.line]
        return self.some(WORDS_OF_A_POST)

    def scattered(self, post: list[str], part: float) -> list[str]:
        post = list(post)
        for place in self.chosen.sample(range(len(post)), round(len(post) * part)):
            post[place] = self.chosen.choice(self.words)
        return post

    def fifth_replaced(self, post: list[str]) -> list[str]:
        length = len(post) // 5
        first = self.chosen.randrange(len(post) - length)
        return [*post[:first], *self.some(length), *post[first + length:]]

    def shuffled(self, post: list[str]) -> list[str]:
        sentences = [post[first:first + 15] for first in range(0, len(post), 15)]
        self.chosen.shuffle(sentences)
        return [word for sentence in sentences for word in sentence]


def sign(post: list[str]) -> bytes:
    signature = sign_text(" ".join(post), secret=derived_key("likeness"))
    assert signature is not None
    return signature


def make_world(count: int, writer: Writer) -> str:
    """The business of ``count`` leads. An unrelated post's signature is random, so theirs are drawn, not computed; of
    three in ten each place is the shared line's with the chance that its run has there: 43 of 146."""
    [bounty_id] = make_live_bounties(1, funded_each_minor=90_000_000)
    ana = make_user("Ana").id
    with transaction():
        bounty = db.session.get_one(Bounty, bounty_id)
        business_id, terms_id = bounty.business_id, bounty.terms.id
    db.session.remove()
    dialect = db.engine.dialect.name
    with _filling(dialect) as connection:
        run = _runner(connection, dialect, count)
        run("INSERT INTO buyers (id, created_at) SELECT 'buyer_' || n, :now FROM numbers")
        run(f"INSERT INTO leads (id, bounty_id, terms_id, business_id, referrer_id, buyer_id, moderation, consent, "
            f"acquaintance, how_known, post_hash, buyer_hash, handle_hash, submitted_at, allowed, buyer_jurisdiction, "
            f"created_at, version) SELECT {LEAD_ID.format(n='n')}, '{bounty_id}', '{terms_id}', '{business_id}', "
            f"'{ana}', 'buyer_' || n, 'in_review', 'unknown', 'online', '', {{hash1}}, {{hash2}}, "
            f"CASE WHEN n % 2 = 0 THEN {{hash3}} END, :now, 'cash', '', :now, 1 FROM numbers")
        run("INSERT INTO suppressions (hash, created_at) SELECT {hash4}, :now FROM numbers WHERE n % 10 = 0")
        run(f"INSERT INTO known_contacts (business_id, hash, created_at) SELECT '{business_id}', {{hash5}}, :now "
            "FROM numbers WHERE n % 2 = 0")
        with_line = round(count * SHARING_IT)
        _bands_and_signatures(connection, dialect, business_id, count, with_line, writer)
    settle()
    return business_id


@contextmanager
def _filling(dialect: str) -> Iterator[Connection]:
    """Without foreign keys and indexes, which are made anew at the end: filled with them it would take an hour."""
    with db.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        if dialect == "sqlite":
            raw.commit()
            for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-300000"):
                raw.execute(f"PRAGMA {pragma}")
            said = raw.execute("SELECT name, sql, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
            indexes = [(name, sql) for name, sql, table in said.fetchall() if table in FILLED]
        else:
            raw.execute("SET session_replication_role = replica")
            raw.execute("SET maintenance_work_mem = '512MB'")
            raw.execute("SET synchronous_commit = off")
            said = raw.execute(
                "SELECT indexname, indexdef, tablename FROM pg_indexes WHERE indexname NOT IN "
                "(SELECT conname FROM pg_constraint) AND schemaname = current_schema()")
            indexes = [(name, sql) for name, sql, table in said.fetchall() if table in FILLED]
            raw.execute("ALTER TABLE lead_bands DROP CONSTRAINT lead_bands_pk")
            raw.execute("ALTER TABLE lead_bands SET UNLOGGED")
        for name, _ in indexes:
            raw.execute(f"DROP INDEX {name}")
        yield connection
        for _, sql in indexes:
            raw.execute(sql)
        if dialect == "sqlite":
            raw.execute("PRAGMA foreign_keys=ON")
        else:
            raw.execute("ALTER TABLE lead_bands ADD CONSTRAINT lead_bands_pk PRIMARY KEY (key, number)")
            raw.execute("SELECT setval(pg_get_serial_sequence('lead_signatures', 'number'), "
                        "(SELECT max(number) FROM lead_signatures))")
            raw.execute("RESET session_replication_role")
        raw.commit()
        connection.detach()


def _runner(connection: Connection, dialect: str, count: int) -> Callable[[str], None]:
    raw: Any = connection.connection.driver_connection

    def run(sql: str) -> None:
        hashes = {f"hash{salt}": HASHES[dialect].format(n="n", salt=f"'-{salt}'") for salt in range(1, 6)}
        insert_into, select_from = sql.format(**hashes).split(" SELECT ", 1)
        now = clock.now().strftime("%Y-%m-%d %H:%M:%S.%f" + ("+00" if dialect == "postgresql" else ""))
        numbers = NUMBERS[dialect].format(count=count)
        raw.execute(f"{insert_into} {numbers} SELECT {select_from}".replace(":now", f"'{now}'"))
    return run


def _bands_and_signatures(
    connection: Connection, dialect: str, business_id: str, count: int, with_line: int, writer: Writer,
) -> None:
    raw: Any = connection.connection.driver_connection
    rows = _sharing(business_id, count - with_line + 1, with_line, writer)
    lead = LEAD_ID.format(n="n")
    numbers = NUMBERS[dialect].format(count=count - with_line)
    if dialect == "sqlite":
        raw.execute("CREATE TEMP TABLE drawn (key INTEGER, number INTEGER)")
        raw.execute(f"INSERT INTO lead_signatures (number, lead_id, signature, created_at) {numbers} "
                    f"SELECT n, {lead}, randomblob(256), '2026-11-01 00:00:00' FROM numbers")
        for number, signature, keys in rows:
            raw.execute(f"INSERT INTO lead_signatures VALUES (?, {LEAD_ID.format(n='?')}, ?, '2026-11-01 00:00:00')",
                        (number, number, signature))
            raw.executemany("INSERT INTO drawn VALUES (?, ?)", [(key, number) for key in keys])
        raw.execute(f"INSERT INTO lead_bands {numbers}, bands(b) AS (SELECT 1 UNION ALL SELECT b + 1 FROM bands WHERE "
                    f"b < {BANDS}) SELECT random() AS key, n FROM numbers, bands "
                    "UNION ALL SELECT key, number FROM drawn ORDER BY 1, 2")
        raw.execute("DROP TABLE drawn")
        return
    blob = " || ".join(f"sha256(('{part}-' || n)::bytea)" for part in range(8))
    raw.execute(f"INSERT INTO lead_signatures (number, lead_id, signature, created_at) {numbers} "
                f"SELECT n, {lead}, {blob}, now() FROM numbers")
    raw.execute(f"INSERT INTO lead_bands SELECT ((random() - 0.5) * 1.8e19)::bigint, n "
                f"FROM generate_series(1, {count - with_line}) AS n, generate_series(1, {BANDS}) AS b")
    kept = []
    with raw.cursor().copy("COPY lead_bands (key, number) FROM STDIN") as copy:
        for number, signature, keys in rows:
            kept.append((number, signature))
            copy.write("".join(f"{key}\t{number}\n" for key in keys))
    with raw.cursor().copy("COPY lead_signatures (number, lead_id, signature, created_at) FROM STDIN") as copy:
        for number, signature in kept:
            copy.write_row((number, f"lead_{number:026d}", signature, "2026-11-01"))


def _sharing(business_id: str, first: int, count: int, writer: Writer) -> Iterator[tuple[int, bytes, list[int]]]:
    line = sign(writer.line)
    of_line = band_keys(line, scope=business_id, secret=derived_key("likeness"))
    places = [line[4 * place:4 * place + 4] for place in range(PLACES)]
    chance = round(256 * (WORDS_OF_A_LINE - 2) / (WORDS_OF_A_POST - 4))
    for number in range(first, first + count):
        drawn = os.urandom(PLACES)
        signature = bytearray(os.urandom(4 * PLACES))
        for place, byte in enumerate(drawn):
            if byte < chance:
                signature[4 * place:4 * place + 4] = places[place]
        own = os.urandom(8 * BANDS)
        yield number, bytes(signature), [
            of_line[band] if all(byte < chance for byte in drawn[ROWS * band:ROWS * band + ROWS])
            else int.from_bytes(own[8 * band:8 * band + 8], "little", signed=True) for band in range(BANDS)]


def plant(posts: list[list[str]], business_id: str, first: int) -> list[str]:
    """Real posts among them, as the product keeps them; the ids of their leads (rows that a signature needs)."""
    ids = [f"lead_{first - number:026d}" for number in range(len(posts))]
    with transaction():
        for lead_id, post in zip(ids, posts, strict=True):
            signature = sign(post)
            kept = db.session.query(LeadSignature).filter_by(lead_id=lead_id).one()
            kept.signature = signature
            keys = set(band_keys(signature, scope=business_id, secret=derived_key("likeness")))
            keys -= set(db.session.scalars(  # The line's own key, drawn for this row as well.
                select(lead_bands.c.key).where(lead_bands.c.key.in_(keys), lead_bands.c.number == kept.number)))
            db.session.execute(insert(lead_bands), [{"key": key, "number": kept.number} for key in keys])
    db.session.remove()
    return ids
