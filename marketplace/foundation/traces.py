"""From where somebody acted: keyed hashes of their browser and network, to be compared and never read.

Nobody's address is kept. A browser carries a random mark only after somebody signed in on it; a buyer's never gets one.
"""
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Index, PrimaryKeyConstraint, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped

from marketplace.foundation import clock
from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import Base, db, state_column

KEPT_FOR = timedelta(days=365)


class TraceKind(StrEnum):
    DEVICE = "device"  # A browser on which somebody signed in.
    BROWSER = "browser"  # A network with the name that the browser gives itself.
    NETWORK = "network"  # A neighbourhood: 256 addresses (IPv4), one site (IPv6).
    ACCOUNT = "account"  # A card or a bank account, by Stripe's fingerprint.
    AUTOMATED = "automated"  # It calls itself a program.


class Trace(Base):
    """``subject_id`` (a user, a lead for its buyer, a business) was seen with this, lately at ``seen_at``."""

    __tablename__ = "traces"
    __table_args__ = (
        PrimaryKeyConstraint("subject_id", "kind", "hash"),
        Index("traces_hash_idx", "hash", "kind"), Index("traces_seen_at_idx", "seen_at"),
        {"sqlite_with_rowid": False},
    )

    subject_id: Mapped[str]
    kind: Mapped[TraceKind] = state_column(TraceKind)
    hash: Mapped[str]
    seen_at: Mapped[datetime]


def keep_traces(subject_id: str, traces: Mapping[TraceKind, str]) -> None:
    """``traces`` in plain; only their hashes are kept. What was seen before is seen anew."""
    now = clock.now()
    rows = [{"subject_id": subject_id, "kind": kind, "hash": keyed_hash(f"trace-{kind}", value), "seen_at": now,
             "created_at": now} for kind, value in traces.items()]
    if rows:
        db.session.execute(_upsert(db.engine.dialect.name), rows)


@cache
def _upsert(dialect: str) -> Any:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(Trace)
    return insert.on_conflict_do_update(
        index_elements=["subject_id", "kind", "hash"], set_={"seen_at": insert.excluded.seen_at})


def forget_traces() -> None:
    """Job, daily: what was not seen for KEPT_FOR."""
    db.session.execute(delete(Trace).where(Trace.seen_at < clock.now() - KEPT_FOR))
