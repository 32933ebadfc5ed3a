"""What would go now, to whom, and what waits, and why: one query, for the preview of a batch and its lines alike."""
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, null, select

from marketplace.foundation.db import db
from marketplace.foundation.money import CURRENCIES, Money
from marketplace.payments.models import (
    ConnectedAccount,
    LineState,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
)
from marketplace.payments.money_out import stops
from marketplace.payments.money_out.countries import NOT_CONVERTED
from marketplace.payments.money_out.requests import OPEN, minimum_transfer

# Why something is left out of a batch, for people.
REASONS = {
    "stopped": "Stopped: a dispute, an open item or a new bank account names it",
    "not_ready": "The Stripe account is not ready",
    "not_converted": "The Stripe account does not take this currency",
    "below_minimum": "Less than the smallest transfer: waits for more",
    "one_open": "An earlier transfer is still on its way",
    "refused_lately": "Stripe refused a short while ago: tried again later",
    "changed": "More is owed now than was approved: goes with the next batch",
    "nothing_left": "Taken back or stopped since the batch was counted",
    "sent_apart": "Sent since the batch was counted, in a transfer of its own",
}


def would_go(*wanted: ColumnElement[bool]) -> Select[str, str, str, int, int, str, str | None]:
    """Everything owed, or what of it is ``wanted``, a row for each transfer it would make: key, amount, what is stopped
    besides, state, reason."""
    stopped = case((stops.is_stopped(), Payable.amount_minor), else_=0)
    owed = select(
        Payable.payee_id, Payable.business_id, Payable.currency, func.sum(Payable.amount_minor).label("total"),
        func.sum(stopped).label("stopped")
    ).where(Payable.state == PayableState.OWED, Payable.amount_minor > 0, *wanted).group_by(
        Payable.payee_id, Payable.business_id, Payable.currency).subquery()
    free = owed.c.total - owed.c.stopped
    account = select(ConnectedAccount).where(ConnectedAccount.user_id == owed.c.payee_id)
    ready = account.where(ConnectedAccount.state == PayeeState.READY)
    own_currency = account.where(ConnectedAccount.currency == owed.c.currency)
    on_its_way = select(Transfer.id).where(
        Transfer.payee_id == owed.c.payee_id, Transfer.business_id == owed.c.business_id,
        Transfer.currency == owed.c.currency, Transfer.state.in_(OPEN))
    reason: ColumnElement[str | None] = case(
        (free == 0, "stopped"),
        (~ready.exists(), "not_ready"),
        (and_(owed.c.currency.in_(NOT_CONVERTED), ~own_currency.exists()), "not_converted"),
        (free < case({currency: minimum_transfer(currency).minor for currency in CURRENCIES},
                     value=owed.c.currency, else_=literal(0)), "below_minimum"),
        (on_its_way.exists(), "one_open"),
        else_=null())
    return select(
        owed.c.payee_id, owed.c.business_id, owed.c.currency,
        case((free == 0, owed.c.total), else_=free).label("amount_minor"),
        case((free == 0, 0), else_=owed.c.stopped).label("stopped_minor"),
        case((reason.is_(None), LineState.PLANNED.value), else_=LineState.LEFT_OUT.value).label("state"),
        reason.label("reason"))


def what_waits() -> Sequence[tuple[str, Money, int]]:
    """For the page: (reason, or empty for what would go now; sum; of how many) by currency."""
    counted = would_go().subquery()
    rows = db.session.execute(
        select(counted.c.reason, counted.c.currency, func.sum(counted.c.amount_minor), func.count())
        .group_by(counted.c.reason, counted.c.currency).order_by(counted.c.currency, counted.c.reason))
    return [(reason or "", Money(int(minor), currency), many) for reason, currency, minor, many in rows]


def why_left_out(payable: Payable) -> str | None:
    """The word for why what is owed would not go now, with all that one transfer would take with it."""
    counted = would_go(Payable.payee_id == payable.payee_id, Payable.business_id == payable.business_id,
                       Payable.currency == payable.currency).subquery()
    return db.session.scalar(select(counted.c.reason))
