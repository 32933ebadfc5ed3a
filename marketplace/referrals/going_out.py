"""When the money of a reward goes to its payee, as the mails that release it, or let it go on, say to them."""
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.payments.models import Payable, PayableState
from marketplace.payments.money_out.batches import next_batch_at
from marketplace.payments.money_out.counting import why_left_out
from marketplace.payments.money_out.requests import minimum_transfer
from marketplace.referrals.holds import UNRELEASED
from marketplace.referrals.models import Lead, Reward
from marketplace.referrals.waiting import why_waiting

WHY_NOT = {
    "not_ready": "It goes out once your Stripe account is ready: set that up now if you have not.",
    "not_converted": "Your Stripe account does not take this currency: your payouts say what you can do.",
    "below_minimum": "It goes out once at least {least} from {business} waits for you.",
    "one_open": "It goes out after an earlier transfer of yours, which is on its way.",
}


def goes_out_in_words(reward: Reward, lead: Lead) -> str:
    if reward.state in UNRELEASED:
        return _before_release(reward)
    payable = db.session.scalar(select(Payable).where(  # Of one that was paid, the rest.
        (Payable.id == reward.id) | (Payable.rest_of == reward.id), Payable.state == PayableState.OWED,
        Payable.amount_minor > 0).order_by(Payable.id).limit(1))
    if payable is None:  # The reward follows its transfer a moment later.
        return "It is on its way to your Stripe account."
    if waits := why_waiting(reward, reward.beneficiary_id):
        return f"It is not sent yet. {waits.why} {waits.next}"
    why = why_left_out(payable)
    if why in WHY_NOT:
        return WHY_NOT[why].format(least=show_money(minimum_transfer(reward.currency)), business=lead.business.name)
    return f"It goes to your Stripe account with the next transfers, on {day_in_words(next_batch_at())} at the latest."


def _before_release(reward: Reward) -> str:
    if reward.beneficiary_id is None:
        return "It is kept for you until you choose what becomes of it."
    if reward.release_at <= clock.now():
        return "Its return period is over, so it is released now, and goes to your Stripe account."
    return (f"It waits out the return period until {day_in_words(reward.release_at)}; then it is released, and goes to "
            "your Stripe account.")
