"""What Stripe pays out to people's banks: watched, shown and told of when it fails. Never paid again by us."""
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.outbox import Errand
from marketplace.payments import lifecycle, sending
from marketplace.payments.models import BankPayout, ConnectedAccount, Payable, PayableState, PayoutState, Transfer
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import PayoutReading, PermanentFailure

SHOWN = 10
WATCHED_FOR = timedelta(days=14)  # After a transfer: Stripe pays out within days, and a bank may say no days later.
TOLD_WITHIN = timedelta(days=30)  # Older failures are known to the person, or settled.

# What Stripe's failure codes mean to the person (docs.stripe.com/api/payouts/failures).
CLOSED, WRONG, NAME, BANK = (
    "The bank account is closed or does not exist.", "The account number is not right.",
    "The name or address on the bank account is another than the one Stripe has.",
    "The bank does not accept payments to this account.")
WHY = {
    "account_closed": CLOSED, "no_account": CLOSED, "bank_ownership_changed": CLOSED,
    "invalid_account_number": WRONG, "invalid_account_number_length": WRONG,
    "incorrect_account_holder_name": NAME, "incorrect_account_holder_address": NAME,
    "incorrect_account_holder_tax_id": NAME, "account_frozen": BANK, "bank_account_restricted": BANK,
    "debit_not_authorized": BANK, "declined": BANK, "unsupported_card": BANK,
    "invalid_currency": "The bank account cannot take this currency.",
}
UNNAMED = "The bank could not take it, and did not say why."


@dataclass(frozen=True)
class Listed:
    payouts: list[PayoutReading]


def why_failed(payout: BankPayout) -> str:
    return WHY.get(payout.failure_code or "", UNNAMED)


def payouts_of(user_id: str) -> Sequence[BankPayout]:
    """The latest ones, of all the person's accounts, newest first."""
    return db.session.scalars(
        select(BankPayout).join(ConnectedAccount, ConnectedAccount.id == BankPayout.payee_id)
        .where(ConnectedAccount.user_id == user_id)
        .order_by(BankPayout.made_at.desc(), BankPayout.id.desc()).limit(SHOWN)).all()


def failed_at_bank(payable_ids: Iterable[str]) -> dict[str, str]:
    """By payable that was sent: why Stripe's latest payout from that account since then failed, in words.

    Stripe pays out what an account holds, not one transfer: the payout that failed may hold it, and no later one did.
    """
    since = db.session.execute(
        select(Payable.id, BankPayout).join(Transfer, Transfer.id == Payable.transfer_id)
        .join(ConnectedAccount, ConnectedAccount.stripe_account_id == Transfer.destination)
        .join(BankPayout, BankPayout.payee_id == ConnectedAccount.id)
        .where(Payable.id.in_(list(payable_ids)), Payable.state == PayableState.SENT,
               BankPayout.currency == Transfer.currency, BankPayout.made_at >= Transfer.sent_at)
        .order_by(BankPayout.made_at, BankPayout.id))
    latest = {payable_id: payout for payable_id, payout in since}  # noqa: C416 - the last one of each stays
    return {payable_id: why_failed(payout) for payable_id, payout in latest.items()
            if payout.state is PayoutState.FAILED}


def watch_bank_payouts() -> None:
    """Job that comes round: the net under lost events, for whoever was sent something lately."""
    today = clock.now().date()
    recent = db.session.scalars(
        select(ConnectedAccount.id).where(ConnectedAccount.stripe_account_id.in_(
            select(Transfer.destination).where(Transfer.sent_at > clock.now() - WATCHED_FOR))))
    for payee_id in recent:
        outbox.promise("check_bank_payouts", key=f"payouts:{payee_id}:{today}", payee_id=payee_id)


def note_payouts(payee_id: str, listed: Sequence[PayoutReading]) -> None:
    """What Stripe lists now; a state only goes forward. One at a time for each payee: two would add a payout twice."""
    db.session.get_one(ConnectedAccount, payee_id, populate_existing=True, with_for_update={"key_share": True})
    known = {payout.stripe_payout_id: payout for payout in db.session.scalars(
        select(BankPayout).where(BankPayout.stripe_payout_id.in_([one.id for one in listed]))
        .with_for_update(key_share=True).execution_options(populate_existing=True))}
    for reading in reversed(listed):
        payout = known.get(reading.id) or _add(payee_id, reading)
        state = PayoutState(reading.status)
        if state in lifecycle.PAYOUT_MOVES[payout.state]:
            lifecycle.move_payout(payout, state, by=audit.SYSTEM, code=reading.failure_code)
            payout.arrives_on, payout.failure_code = reading.arrives_on, reading.failure_code
            if state is PayoutState.FAILED and payout.made_at > clock.now() - TOLD_WITHIN:
                outbox.promise("send_letter", letter="payout_failed", payout_id=payout.id)


def _add(payee_id: str, reading: PayoutReading) -> BankPayout:
    """As it was made; what became of it is a move like any other."""
    payout = BankPayout(
        payee_id=payee_id, stripe_payout_id=reading.id, amount=reading.amount, state=PayoutState.PENDING,
        made_at=reading.made_at, arrives_on=reading.arrives_on)
    db.session.add(payout)
    db.session.flush()
    audit.record("payout.pending", payout.id, by=audit.SYSTEM, stripe=reading.id, amount_minor=reading.amount.minor,
                 currency=reading.amount.currency)
    return payout


def _read(payee_id: str) -> Listed | None:
    payee = sending.read_alone(ConnectedAccount, payee_id)
    if payee.stripe_account_id is None:
        return None
    try:
        return Listed(gateway().list_payouts(payee.stripe_account_id, at_most=SHOWN))
    except PermanentFailure:
        return None  # A closed account shows nothing any more.


def _keep(outcome: Listed | None, payee_id: str) -> None:
    if outcome:
        note_payouts(payee_id, outcome.payouts)


CHECK_BANK_PAYOUTS = Errand(_read, _keep)
