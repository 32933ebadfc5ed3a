"""Entries of very many lines, written by the database from its own rows: what ``ledger.post`` is to a single one.

The same triggers refuse what does not balance, breaks an account's chain or goes below its floor.
"""
import hashlib
import json
from collections.abc import Iterable, Mapping

from sqlalchemy import CompoundSelect, Select, Text, bindparam, cast, func, insert, literal, select

from marketplace.foundation import clock
from marketplace.foundation.db import db, rows_of
from marketplace.payments.models import LedgerEntry, Posting

Lines = Select[str, str, int] | CompoundSelect[str, str, int]
_line = (literal('["', Text) + Posting.account_id + literal('", ', Text) + cast(Posting.amount_minor, Text)
         + literal("]", Text))
WRITTEN = select(Posting.entry_id, func.aggregate_strings(_line, "\n")).where(
    Posting.entry_id.in_(bindparam("ids", expanding=True))).group_by(Posting.entry_id)
ENTRIES = insert(rows_of(LedgerEntry))


def post_each(references: Mapping[str, str], lines: Lines, *, kind: str) -> None:
    """Entries of the given ids and ``references``, of ``lines``: (entry, account, smallest units), no account twice.

    For accounts with a floor alone. The caller holds what keeps others from posting to these accounts; who posted in
    between has broken the chain, and the database refuses this. So it does with a reference that was posted before.
    """
    now = clock.now()
    db.session.flush()
    write = db.session.connection().execute
    said = lines.subquery()
    entry_id, account_id, amount = said.c
    of_account = select(Posting).where(Posting.account_id == account_id)
    last_seq = of_account.with_only_columns(func.max(Posting.seq)).scalar_subquery()
    last_balance = of_account.with_only_columns(Posting.balance_after_minor).order_by(
        Posting.seq.desc()).limit(1).scalar_subquery()
    write(insert(rows_of(Posting)).from_select(
        ["entry_id", "account_id", "amount_minor", "seq", "balance_after_minor", "created_at"],
        select(entry_id, account_id, amount, func.coalesce(last_seq, 0) + 1, func.coalesce(last_balance, 0) + amount,
               literal(now, Posting.created_at.type)).order_by(account_id),  # As everybody locks accounts.
        include_defaults=False))
    write(ENTRIES, [
        {"id": of, "kind": kind, "reference": references[of], "fingerprint": _fingerprint(kind, written.split("\n")),
         "created_at": now} for of, written in write(WRITTEN, {"ids": list(references)})])


def _fingerprint(kind: str, written: Iterable[str]) -> str:
    """As ``ledger.post`` makes it, from each line as JSON."""
    return hashlib.sha256(f"[{json.dumps(kind)}, [{', '.join(sorted(written))}]]".encode()).hexdigest()
