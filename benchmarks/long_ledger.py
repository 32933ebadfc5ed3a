"""A ledger of a million entries: a balance beside one indexed look-up, and what the audit holds in memory."""
import os

from sqlalchemy import select, text

from benchmarks.figures import Figure, peak_memory, take_turns
from benchmarks.product import product, settle
from marketplace.foundation.db import db, finish_reading, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.ledger_balances import take_snapshots
from marketplace.payments.models import PLATFORM, AccountKind, Posting

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))
OWNERS, TAIL = 1_000, 2_700  # The tail: a day of a market that makes a million entries a year.
LOOK_UPS = 5  # A balance may cost as much as so many.
AUDIT_MIB = 64
CALLS = 200

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"


def measure(server: str | None = None) -> list[Figure]:
    """On PostgreSQL by the wall: its own work is not this process's."""
    on = "PostgreSQL" if server else "SQLite"
    with product(server):
        _fill(ENTRIES)
        with transaction():
            take_snapshots()
        _go_on(TAIL)
        clearing, funds = ledger.clearing("usd"), ledger.account(AccountKind.FUNDS, "bounty_7", "usd")
        some = db.session.scalar(select(Posting.entry_id).where(Posting.account_id == clearing.id).limit(1))
        one = select(Posting.amount_minor).where(Posting.entry_id == some, Posting.account_id == clearing.id)
        settle()
        look_up, platform, floored, trial = take_turns(
            lambda: db.session.scalar(one), lambda: ledger.balance(clearing), lambda: ledger.balance(funds),
            ledger.trial_balance, calls=(CALLS, CALLS, CALLS, CALLS // 20), is_wall=bool(server))
        assert ledger.balance(clearing) == Money(-10 * (ENTRIES + TAIL), "usd")
        finish_reading()
        before = peak_memory(anew=True)
        assert ledger.check_ledger() == []
        grown = peak_memory() - before
    note = f"at {ENTRIES:,} entries, {TAIL} since the snapshot"
    return [
        Figure(f"{on}: platform-wide balance / one look-up", round(platform.middle / look_up.middle, 2), "x", LOOK_UPS,
               "lower", note),
        Figure(f"{on}: bounty's balance / one look-up", round(floored.middle / look_up.middle, 2), "x", LOOK_UPS,
               "lower", note),
        Figure(f"{on}: full audit: memory it adds", round(grown, 1), "MiB", AUDIT_MIB, "lower",
               f"trial balance {trial.middle / look_up.middle:.0f} look-ups"),
    ]


def _fill(entries: int) -> None:
    """By two statements, past the triggers: by the verbs it would take half an hour."""
    with transaction():
        clearing = ledger.account(AccountKind.CLEARING, PLATFORM, "usd").id
        for number in range(OWNERS):
            ledger.account(AccountKind.FUNDS, f"bounty_{number}", "usd")
        connection = db.session.connection()
        is_lite = db.engine.dialect.name == "sqlite"
        entry_id = "'entry_' || " + ("printf('%026d', i)" if is_lite else "lpad(cast(i AS text), 26, '0')")
        now = ":now" if is_lite else "cast(:now AS timestamptz)"
        triggers = connection.execute(text(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")).all() if is_lite else []
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if not is_lite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        given = {"last": entries - 1, "clearing": clearing, "now": "2026-01-01 00:00:00+00:00"}
        connection.execute(text(
            f"{NUMBERS} INSERT INTO ledger_entries (id, kind, reference, fingerprint, created_at) "
            f"SELECT {entry_id}, 'funding', 'bench_' || i, 'f', {now} FROM n"), given)
        connection.execute(text(
            f"{NUMBERS} INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
            f"SELECT {entry_id}, :clearing, -10, {now} FROM n"), given)
        connection.execute(text(
            f"{NUMBERS} INSERT INTO postings "
            "(entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
            f"SELECT {entry_id}, a.id, 10, i / {OWNERS} + 1, 10 * (i / {OWNERS} + 1), {now} FROM n "
            f"JOIN ledger_accounts a ON a.owner_id = 'bounty_' || (i % {OWNERS}) AND a.kind = 'funds'"), given)
        for _, sql in triggers:
            connection.exec_driver_sql(sql)


def _go_on(entries: int) -> None:
    with transaction():
        clearing, funds = ledger.clearing("usd"), ledger.account(AccountKind.FUNDS, "bounty_7", "usd")
        ledger.post_many([
            ledger.Movement("funding", f"later_{number}", [(clearing, Money(-10, "usd")), (funds, Money(10, "usd"))])
            for number in range(entries)])
