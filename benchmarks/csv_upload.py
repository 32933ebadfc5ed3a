"""A CSV file of sales looked at row by row and then taken, beside COPY (executemany on SQLite) of the very rows that it
made, into tables of the same columns, rules and indexes; and how much memory it took.

CSV_ROWS says how long the file is: 1,000,000 in `make bench`, else 50,000. One row in 10,000 names a referrer's code.
"""
import gc
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import text

from benchmarks.figures import Figure, peak_memory
from benchmarks.product import product
from benchmarks.sales_world import Shop, make_shops
from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.jobs import JOBS
from marketplace.payments import ledger
from marketplace.tracking.models import ReferralLink, Upload, UploadPurpose, UploadState
from marketplace.tracking.uploads.chunks import ENOUGH
from marketplace.tracking.uploads.columns import guess_columns
from marketplace.tracking.uploads.purposes import purpose_of
from marketplace.tracking.uploads.reading import read_sheet
from marketplace.tracking.uploads.receiving import keep_upload, receive
from marketplace.tracking.uploads.starting import begin_check, begin_taking

ROWS = int(os.environ.get("CSV_ROWS", "50000"))
ONE_IN = 10_000
MOST_MIB, BAR = 300, 0.3
A_TIME = ENOUGH  # Transactions as long as the job’s own.
TABLES = ("reports", "audit_events")
CODE = "ANA-WESTSIDE"


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    timer = _cpu_with_server if server else time.process_time
    with product(server):
        [shop] = make_shops(1)
        _make_link(shop)
        began = timer()
        peak_memory(anew=True)
        with tempfile.TemporaryFile() as file:
            _write(file)
            file.seek(0)
            upload_id = _upload(shop, file)
        uploaded = timer() - began
        began = timer()
        _begin(upload_id, shop)
        _work(upload_id, UploadState.CHECKING)
        checked = timer() - began
        began = timer()
        with transaction():
            begin_taking(db.session.get_one(Upload, upload_id), outcomes=["earns", "counted", "kept"], left_out="",
                         by=db.session.get_one(User, shop.owner_id))
        _work(upload_id, UploadState.TAKING)
        took = timer() - began
        memory = peak_memory()
        upload = db.session.get_one(Upload, upload_id)
        assert sum(upload.counts.values()) == ROWS, upload.counts
        assert upload.counts["earns"] == -(-ROWS // ONE_IN), upload.counts
        counts = dict(upload.counts)
        db.session.remove()
        copied = _copy_again(timer)
        assert ledger.check_ledger() == []
    note = (f"{ROWS:,} rows, {counts}: uploaded in {uploaded:.1f} s, looked at in {checked:.1f}, taken in {took:.1f}; "
            f"the same rows by "
            f"{'COPY' if server else 'executemany'} {copied:.1f}, of CPU{', the server’s too' if server else ''}")
    return [
        Figure(f"{on}: CSV looked at and taken, the same rows copied / it", round(copied / (checked + took), 2), "x",
               BAR, "higher", note),
        Figure(f"{on}: CSV, memory at most", round(memory), "MiB", MOST_MIB, "lower")]


def _cpu_with_server() -> float:
    """Seconds of this process and of those that serve it: the wall would say how busy the machine is."""
    ticks = 0
    with db.engine.connect() as connection:
        for (pid,) in connection.execute(text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")):
            said = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            ticks += int(said[11]) + int(said[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _make_link(shop: Shop) -> None:
    with transaction():
        db.session.add(ReferralLink(code="ana00000", spoken=CODE, spoken_key="ANAWESTSIDE", bounty_id=shop.bounty_id,
                                    referrer_id=shop.referrer_id))
    db.session.remove()


def _write(file: BinaryIO) -> None:
    day = clock.now().date()
    file.write(b"Order number,Date,Amount,Coupon,Customer email,Customer ID\n")
    file.writelines(
        f"W-{number:08},{day},{number % 900 + 10}.50,{CODE if number % ONE_IN == 0 else 'SPRING'},"
        f"person{number}@example.com,c{number}\n".encode() for number in range(ROWS))


def _upload(shop: Shop, file: BinaryIO) -> str:
    with receive(file) as received, transaction():
        return keep_upload(db.session.get_one(Business, shop.business_id), received, purpose=UploadPurpose.CONVERSIONS,
                           file_name="orders.csv", by=db.session.get_one(User, shop.owner_id)).id


def _begin(upload_id: str, shop: Shop) -> None:
    with transaction():
        upload = db.session.get_one(Upload, upload_id)
        columns = guess_columns(read_sheet(upload).heading, purpose_of(upload).columns, {})
        assert len(columns) == 6, columns
        begin_check(upload, columns=columns, choices={"days": "ymd", "decimals": "point", "currency": "usd"},
                    by=db.session.get_one(User, shop.owner_id))


def _work(upload_id: str, state: UploadState) -> None:
    """As the worker does it, until the upload has moved on."""
    gc.freeze()
    db.session.remove()
    while db.session.get_one(Upload, upload_id).state is state:
        db.session.remove()
        assert outbox.run_next(JOBS)
        db.session.remove()


def _copy_again(timer: Callable[[], float]) -> float:
    """Seconds, of all the rows in these tables; they are read outside of it."""
    return sum(_copy_table(table, timer) for table in TABLES)


def _copy_table(table: str, timer: Callable[[], float]) -> float:
    is_lite = db.engine.dialect.name == "sqlite"
    with transaction():
        db.session.connection()
        if is_lite:
            for name, said in db.session.execute(text(
                    "SELECT name, sql FROM sqlite_schema WHERE tbl_name = :of AND sql IS NOT NULL "
                    "AND type <> 'trigger' "
                    "ORDER BY type DESC"), {"of": table}).all():
                db.session.execute(text(said.replace(name, f"again_{name}", 1).replace(
                    f" ON {table} ", f" ON again_{table} ").replace(":", "\\:")))
        else:
            db.session.execute(text(f"CREATE TABLE again_{table} (LIKE {table} INCLUDING ALL)"))
            for name, said in db.session.execute(text(  # What LIKE leaves out, and each row costs as well.
                    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                    "WHERE conrelid = CAST(:of AS regclass) AND contype = 'f'"), {"of": table}).all():
                db.session.execute(text(f"ALTER TABLE again_{table} ADD CONSTRAINT again_{name} {said}"))
    db.session.remove()
    spent = 0.0
    for columns, rows in _rows(table):
        began = timer()
        with transaction():
            connection = db.session.connection()
            if is_lite:
                connection.exec_driver_sql(
                    f"INSERT INTO again_{table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
            else:
                with connection.connection.cursor() as cursor, cursor.copy(
                        f"COPY again_{table} ({', '.join(columns)}) FROM STDIN") as copy:
                    copy.write(rows)
        spent += timer() - began
        db.session.remove()
    return spent


def _rows(table: str) -> Iterator[tuple[list[str], Any]]:
    """In the order of their ids, so many at a time: as tuples, or as COPY itself writes them."""
    last, connection = "", db.session.connection
    while True:
        said = f"SELECT * FROM {table} WHERE id > '{last}' ORDER BY id LIMIT {A_TIME}"
        result = connection().exec_driver_sql(said)
        columns = list(result.keys())
        rows = [tuple(row) for row in result]
        if not rows:
            return
        if db.engine.dialect.name != "sqlite":
            written = io.BytesIO()
            with connection().connection.cursor() as cursor, cursor.copy(f"COPY ({said}) TO STDOUT") as copy:
                for piece in copy:
                    written.write(piece)
            yield columns, written.getvalue()
        else:
            yield columns, rows
        last = rows[-1][columns.index("id")]
        db.session.rollback()
