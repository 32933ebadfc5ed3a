"""Differences that wait for a person, with their age; while money differs, transfers stop. Nothing is repaired here."""
from collections.abc import Iterable

from sqlalchemy import Select, select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, NotFound, require
from marketplace.foundation.money import Money, show_money
from marketplace.identity.models import User
from marketplace.payments.books.findings import Finding
from marketplace.payments.models import OpenItem, OpenItemKind
from marketplace.payments.money_out.stops import lift_stops, stop_transfers
from marketplace.payments.permissions import may_keep_books

K = OpenItemKind
# Where our own books contradict themselves, no sum of money can be trusted.
ALWAYS_STOP = frozenset({K.BALANCE_DIFFERS, K.ROW_WITHOUT_POSTING, K.POSTING_WITHOUT_ROW, K.ACCOUNT_DIFFERS,
                         K.BELOW_FLOOR, K.LEDGER_UNSOUND})
NEVER_STOP = frozenset({K.HELD_IN_RESERVE})  # Named by Stripe itself, and ours.

SYSTEM = audit.SYSTEM


class ReasonMissing(Invalid):
    code = "reason_missing"


def does_stop(kind: OpenItemKind, amount_minor: int) -> bool:
    """Whether no transfer may go while such an item is open: Stripe holds other money than we count on."""
    return kind in ALWAYS_STOP or (amount_minor != 0 and kind not in NEVER_STOP)


def note_findings(findings: Iterable[Finding]) -> tuple[int, int]:
    """Open what is new, note what is still there, resolve what is gone; how many stand open then, how many are new.

    What an admin has closed stays closed for as long as it is the same to the cent.
    """
    now = clock.now()
    known = {(item.kind, item.subject_id, item.currency): item for item in db.session.scalars(open_items())}
    still, new, named = 0, 0, set()
    for finding in findings:
        name = (finding.kind, finding.subject_id, finding.currency)
        if not finding.ripe or name in named:
            continue
        named.add(name)
        item = known.pop(name, None)
        if item is None and _is_accepted(finding):
            continue
        still += 1
        if item is None:
            new += 1
            _open(finding)
        else:
            item.last_seen_at, item.amount_minor, item.note = now, finding.amount_minor, finding.note
            _stop_if_need_be(item)
    for gone in known.values():
        _resolve(gone, by=SYSTEM, reason="A later run no longer finds it.")
    db.session.flush()
    return still, new


def _open(finding: Finding) -> None:
    item = OpenItem(kind=finding.kind, subject_id=finding.subject_id, currency=finding.currency, note=finding.note,
                    amount_minor=finding.amount_minor, last_seen_at=clock.now())
    db.session.add(item)
    db.session.flush()
    audit.record("item.opened", item.id, by=SYSTEM, kind=item.kind, about=item.subject_id,
                 amount_minor=item.amount_minor or None, currency=item.currency)
    _stop_if_need_be(item)


def _stop_if_need_be(item: OpenItem) -> None:
    if does_stop(item.kind, item.amount_minor):
        stop_transfers("all", None, reason="Our books and Stripe’s are being compared; transfers go on after that.",
                       source=item.id, by=SYSTEM)


def _is_accepted(finding: Finding) -> bool:
    last = db.session.scalar(
        select(OpenItem).filter_by(kind=finding.kind, subject_id=finding.subject_id, currency=finding.currency)
        .order_by(OpenItem.id.desc()).limit(1))
    if last is None or last.resolved_by in {None, SYSTEM} or last.amount_minor != finding.amount_minor:
        return False
    last.last_seen_at = clock.now()
    return True


def close_item(item: OpenItem, *, reason: str, by: User) -> None:
    """An admin has an explanation; the item's stop is lifted. ReasonMissing (422) without one."""
    require(may_keep_books(by), "close an open item")
    if not reason.strip():
        raise ReasonMissing("Say why this difference may stand.", fields={"reason": ["Write a sentence."]})
    if item.resolved_at is not None:
        raise Conflict("This item is closed already.", next_step="Reload the page.")
    _resolve(item, by=by.id, reason=reason.strip())


def _resolve(item: OpenItem, *, by: str, reason: str) -> None:
    item.resolved_at, item.resolved_by, item.reason = clock.now(), by, reason
    audit.record("item.closed", item.id, by=by, kind=item.kind, reason=reason)
    lift_stops(item.id, by=by)


def get_item(item_id: str, *, seen_by: User) -> OpenItem:
    require(may_keep_books(seen_by), "see the open items")
    item = db.session.get(OpenItem, item_id)
    if item is None:
        raise NotFound("There is no such item.", next_step="Look for it in the list.")
    return item


def open_items() -> Select[OpenItem]:
    """Oldest first."""
    return select(OpenItem).where(OpenItem.resolved_at.is_(None)).order_by(OpenItem.id)


def worth(item: OpenItem) -> str:
    """In words: by how much Stripe and we differ, and which way."""
    if not item.amount_minor:
        return ""
    amount = show_money(Money(abs(item.amount_minor), item.currency))
    return f"Stripe has {amount} {'less' if item.amount_minor < 0 else 'more'} than we count on"
