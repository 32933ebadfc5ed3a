"""What forbids a transfer: a dispute, an open item of the books, a new bank account. Looked at right before each call.

A stop is named by its ``source``: who asked for it lifts it, and no other one. Several may name one payable.
"""
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.payments.models import Payable, StopScope, Transfer, TransferStop

ASKED_AT_ONCE = 500  # Ids in one query; SQLite takes some thousands.


def stop_transfers(scope: str, subject_id: str | None, *, reason: str, source: str, by: str) -> TransferStop:
    """Nothing of ``scope`` (all, business, payee, payable) is sent from this commit on. The same ``source`` stops once.

    ``reason`` is shown to payee and admin. ``subject_id``: of the business, the user, the payable; None for all.
    """
    wanted = select(TransferStop).filter_by(
        source=source, scope=StopScope(scope), subject_id=subject_id or "", lifted_at=None)
    found = db.session.scalar(wanted)
    if found is None:
        found = TransferStop(scope=StopScope(scope), subject_id=subject_id or "", reason=reason, source=source)
        db.session.add(found)
        db.session.flush()
        audit.record("transfers.stopped", subject_id or scope, by=by, scope=scope, source=source, reason=reason)
    return found


def lift_stops(source: str, *, by: str) -> None:
    """Whatever this ``source`` stopped may go again, with the next batch, unless another stop names it."""
    for stop in db.session.scalars(open_stops().where(TransferStop.source == source).with_for_update(key_share=True)):
        stop.lifted_at = clock.now()
        audit.record("transfers.resumed", stop.subject_id or stop.scope, by=by, scope=stop.scope, source=source)


def stopped_by(source: str) -> set[str]:
    """Ids of the payables that this ``source`` stops now."""
    return set(db.session.scalars(open_stops().where(
        TransferStop.source == source, TransferStop.scope == StopScope.PAYABLE)
        .with_only_columns(TransferStop.subject_id)))


def stop_alike(piece: Payable, *, like: str) -> None:
    """What stops the payable ``like`` stops this piece of it too."""
    for stop in db.session.scalars(open_stops().where(
            TransferStop.scope == StopScope.PAYABLE, TransferStop.subject_id == like)).all():
        stop_transfers("payable", piece.id, reason=stop.reason, source=stop.source, by=audit.SYSTEM)


def why_stopped(payable: Payable | None) -> str | None:
    """The oldest stop's reason, if one names this payable, its payee, its business, or all. None asks for all alone."""
    if payable is None:
        return db.session.scalar(open_stops().where(_of_all()).with_only_columns(TransferStop.reason).limit(1))
    return stopped_among([payable]).get(payable.id)


def stopped_among(payables: Iterable[Payable]) -> dict[str, str]:
    """Reasons by payable, of those that may not be sent now."""
    found: dict[str, str] = {}
    ids = [payable.id for payable in payables]
    for start in range(0, len(ids), ASKED_AT_ONCE):
        rows = db.session.execute(
            select(Payable.id, TransferStop.reason).join(TransferStop, names_payable())
            .where(Payable.id.in_(ids[start:start + ASKED_AT_ONCE])).order_by(TransferStop.id))
        for payable_id, reason in rows:
            found.setdefault(payable_id, reason)
    return found


def why_transfer_stopped(transfer: Transfer) -> str | None:
    """Whether anything that is in it may not be sent; looked at right before the call."""
    return db.session.scalar(
        select(TransferStop.reason).join(Payable, names_payable()).where(Payable.transfer_id == transfer.id)
        .order_by(TransferStop.id).limit(1))


def held_up(payee_id: str) -> list[tuple[Money, str]]:
    """What is owed to a payee and may not be sent now, each with the oldest reason; for their own page."""
    owed = db.session.scalars(select(Payable).where(
        Payable.payee_id == payee_id, Payable.transfer_id.is_(None), Payable.amount_minor > 0)).all()
    reasons = stopped_among(owed)
    return [(payable.amount, reasons[payable.id]) for payable in owed if payable.id in reasons]


def open_stops() -> Select[TransferStop]:
    """Not lifted yet; oldest first."""
    return select(TransferStop).where(TransferStop.lifted_at.is_(None)).order_by(TransferStop.id)


def is_stopped() -> ColumnElement[bool]:
    """For a query over payables."""
    return exists().where(names_payable())


def names_payable() -> ColumnElement[bool]:
    return and_(TransferStop.lifted_at.is_(None), or_(
        _of_all(),
        and_(TransferStop.scope == StopScope.BUSINESS, TransferStop.subject_id == Payable.business_id),
        and_(TransferStop.scope == StopScope.PAYEE, TransferStop.subject_id == Payable.payee_id),
        and_(TransferStop.scope == StopScope.PAYABLE, TransferStop.subject_id == Payable.id)))


def _of_all() -> ColumnElement[bool]:
    return TransferStop.scope == StopScope.ALL
