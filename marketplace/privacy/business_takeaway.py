"""Everything that a business owns here, to take along: one zip, made while it is sent, each table as CSV and as JSON.

What stands in it is listed column by column: what a moderator, a buyer or a referrer said to others is theirs. Contact
data of buyers is not in it: that is opened lead by lead, and leaves a trace.
"""
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, select, tuple_

from marketplace.foundation import audit, clock
from marketplace.foundation.db import Base, db
from marketplace.foundation.errors import require
from marketplace.foundation.sheets import write_lines, write_sheet
from marketplace.identity.models import Business, User
from marketplace.identity.permissions import is_owner
from marketplace.privacy.takeaway import cell_of, plain_value

AT_ONCE = 1_000  # Rows in memory.
# Table to the columns of it that are the business's; first come tables that others are found by.
OWNED = {
    "businesses": "id name slug about place website created_at",
    "memberships": "id business_id user_id role created_at",
    "business_domains": "id business_id domain proof verified_at last_seen_at created_at",
    "bounties": "id business_id title offer state category place currency terms_number published_at paused_because "
        "created_at",
    "terms": "id bounty_id number criteria currency fee_bps hold_days protection_days consent_days evidence_days "
        "category "
             "place jurisdiction cause created_at",
    "reward_rules": "id terms_id position happening whom kind amount_minor rate_bps cap_minor words",
    "bounty_destinations": "bounty_id url utm",
    "referral_links": "id code spoken bounty_id referrer_id ended_at created_at",
    "leads": "id bounty_id terms_id business_id referrer_id source moderation consent stage accepted_at "
        "protected_until "
             "created_at",
    "reports": "id business_id source external_id kind state amount_minor currency happened_at code link_code "
        "clicked_at "
               "refund_of payload reason reasons lead_id conversion_id created_at",
    "conversions": "id business_id bounty_id lead_id kind sale_id number source external_id amount_minor currency "
        "occurred_on "
                   "refunded_minor state created_at",
    "sale_refunds": "id conversion_id external_id amount_minor recorded_by created_at",
    "rewards": "id conversion_id lead_id bounty_id business_id part number whom beneficiary_id amount_minor "
        "fee_minor currency "
               "state release_at void_reason created_at",
    "rewards_in_kind": "id conversion_id lead_id business_id whom beneficiary_id state words created_at",
    "clawbacks": "id reward_id sale_refund_id amount_minor fee_minor currency state created_at",
    "fundings": "id business_id purpose_id amount_minor currency state paid_with paid_at created_at",
    "refunds": "id funding_id amount_minor currency state created_at",
    "transfers": "id business_id payee_id amount_minor currency state created_at",
    "chargebacks": "id funding_id business_id amount_minor currency reason state created_at",
    "disputes": "id lead_id business_id kind state created_at",
    "webhook_endpoints": "id business_id url note kinds created_at",
    "uploads": "id business_id uploaded_by purpose state size_bytes line_count counts earns checked_at taken_at "
        "created_at",
    "column_memories": "business_id purpose columns choices",
    "partner_invitations": "id business_id bounty_id programme name email code state invited_at created_at",
    "past_rewards": "id business_id programme external_id earned_on amount_minor currency said",
}
# By which row of another table a row is the business's, where it does not name the business itself.
BY_WAY_OF = {
    "terms": ("bounty_id", "bounties"), "reward_rules": ("terms_id", "terms"),
    "bounty_destinations": ("bounty_id", "bounties"),
    "referral_links": ("bounty_id", "bounties"), "sale_refunds": ("conversion_id", "conversions"),
    "clawbacks": ("reward_id", "rewards"), "refunds": ("funding_id", "fundings"),
}
NOT_TAKEN = {
    "auto_top_ups": "an agreement with a card: its page says it", "business_debts": "in the statements",
    "consent_grants": "the buyer's: each lead has its receipt", "fraud_warnings": "Stripe's word to us",
    "known_contacts": "scrambled: the list itself is with the business",
    "payables": "ours to the referrer; see rewards",
    "stripe_customers": "the card is at Stripe", "transfer_batch_lines": "our own list of what goes when",
    "bindings": "scrambled marks of customers; see reports",
    "binding_clicks": "scrambled marks of visits; see reports", "stripe_doors": "secrets",
    "webhook_events": "see deliveries",
}


def take_along(business: Business, *, by: User) -> None:
    """Asked before the file is made; the trail says that it was."""
    require(is_owner(by, business.id), "take along what this business owns")
    audit.record("business.exported", business.id, by=by.id)


def pack_business(business_id: str, name: str) -> Iterator[bytes]:
    """The zip, piece by piece. Reads a page of a table at a time, so that it may be of any length."""
    out = _Pieces()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:  # type: ignore[call-overload]
        file.writestr("READ-ME.txt", _read_me(name))
        for table_name in OWNED:
            columns = _columns(table_name)
            with file.open(f"{table_name}.csv", "w") as entry:
                entry.write(write_sheet([column.name for column in columns], ()).encode())
                for rows in _pages(table_name, business_id):
                    entry.write(write_lines([[cell_of(plain_value(value)) for value in row] for row in rows]).encode())
                    yield from out.take()
            with file.open(f"{table_name}.jsonl", "w") as entry:
                for rows in _pages(table_name, business_id):
                    for row in rows:
                        said = {column.name: plain_value(value) for column, value in zip(columns, row, strict=True)}
                        entry.write((json.dumps(said, ensure_ascii=False) + "\n").encode())
                    yield from out.take()
    yield from out.take()


class _Pieces:
    """What a zip is written to while it is sent: nobody can go back in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        if pieces:
            yield b"".join(pieces)


def _columns(name: str) -> list[Column[Any]]:
    table = Base.metadata.tables[name]
    return [table.c[column] for column in OWNED[name].split()]


def _pages(name: str, business_id: str) -> Iterator[list[Any]]:
    """Oldest first, by the table's key."""
    table = Base.metadata.tables[name]
    key = list(table.primary_key.columns)
    statement = select(*_columns(name), *key).where(_owned(table, business_id)).order_by(*key).limit(AT_ONCE)
    last: tuple[Any, ...] | None = None
    while True:
        page = db.session.execute(statement if last is None else statement.where(tuple_(*key) > tuple_(*last))).all()
        if not page:
            return
        yield [row[:-len(key)] for row in page]
        last = tuple(page[-1][-len(key):])
        if len(page) < AT_ONCE:
            return


def _owned(table: Table, business_id: str) -> ColumnElement[bool]:
    if table.name in BY_WAY_OF:
        column, owner = BY_WAY_OF[table.name]
        owning = Base.metadata.tables[owner]
        return table.c[column].in_(select(owning.c.id).where(_owned(owning, business_id)))
    own: ColumnElement[bool] = table.c["id" if table.name == "businesses" else "business_id"] == business_id
    if table.name == "leads":  # As in its pipeline: what was accepted, and was told.
        return own & table.c.accepted_at.is_not(None) & table.c.tell_at.is_(None)
    return own


def _read_me(name: str) -> str:
    return (
        f"What {name} owns on Fingerpost, as of {clock.now():%-d %B %Y, %H:%M} UTC.\n\n"
        "Each table twice: .csv for spreadsheets, .jsonl for programs (one JSON object a line). Amounts are in the "
        "smallest "
        "unit of their currency; times are UTC. Rows of different tables belong together by their ids.\n\n"
        "Contact data of buyers is not in here: open it at each lead, for as long as the buyer agrees. Your own "
        "list of "
        "known contacts is kept as scrambled marks that nobody can read back.\n")
