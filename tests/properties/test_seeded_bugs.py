"""The random lives have teeth: each of these faults, put into the product on purpose, is found within a few of them."""
from collections.abc import Callable
from typing import Any

import pytest

from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.payments import ledger, sending
from marketplace.payments.models import AccountKind
from marketplace.payments.money_in import settling
from marketplace.payments.money_out import payables
from marketplace.referrals import asking, clawbacks, moderation, rewards, stages
from tests.properties.market import Market
from tests.properties.test_money_never_lost import FACTOR, live, market  # noqa: F401 - the fixture

LIVES = 60
QUICK_SEED, SLOW_SEED = 5, 1  # Lives in which they are met early.
Patch = pytest.MonkeyPatch


def each_refund_on_its_own(patch: Patch) -> None:
    """The odd cents of every refund stay with the referrer, instead of those of all refunds together."""
    def due(reward: Any, conversion: Any, refunded_minor: int) -> tuple[Money, Money]:
        before = sum(clawback.amount_minor * conversion.amount_minor // reward.amount_minor for clawback in reward.clawbacks)
        part = max(refunded_minor - before, 0)
        fee = Money(reward.fee_minor, reward.currency)
        left = min(reward.amount.part(part, conversion.amount_minor), reward.net)
        return left, fee.part(refunded_minor, conversion.amount_minor) - Money(
            sum(c.fee_minor for c in reward.clawbacks), reward.currency)
    patch.setattr(clawbacks, "_due", due)


def a_fresh_key_for_every_attempt(patch: Patch) -> None:
    """Stripe cannot tell a repeat from a second transfer."""
    def send_once(row: Any, *, send: Callable[[str], Any], find: Callable[[], Any]) -> Any:
        try:
            return send(new_id("key"))
        except sending.PermanentFailure as failure:
            return sending.Refused(failure.code, str(failure))
    patch.setattr(sending, "send_once", send_once)


def a_frozen_reward_is_released(patch: Patch) -> None:
    def release_at_once(reward_id: str) -> None:
        reward = rewards.db.session.get_one(rewards.Reward, reward_id)
        reward.release_at = rewards.clock.now()
        usual(reward_id)
    usual = rewards.release_reward
    _replace_job(patch, "release_reward", release_at_once)
    patch.setattr(rewards, "timedelta", _NoTime)


class _NoTime:
    """A hold that is always over."""

    def __new__(cls, days: int = 0) -> Any:
        from datetime import timedelta  # noqa: PLC0415

        return timedelta(0)


def terms_of_today_instead_of_the_leads(patch: Patch) -> None:
    """What was promised changes with the bounty."""
    def earn_by_today(lead: Any, conversion: Any, *, by: str) -> Any:
        lead.terms = lead.bounty.terms
        return usual(lead, conversion, by=by)
    usual = rewards.earn_reward
    patch.setattr("marketplace.referrals.conversion.earn_reward", earn_by_today)


def a_lost_lead_keeps_its_reservation(patch: Patch) -> None:
    patch.setattr(asking, "free_reserved", lambda lead, why: None)
    patch.setattr(stages, "free_reserved", lambda lead, why: None)


def stripes_fee_is_never_booked(patch: Patch) -> None:
    patch.setattr(settling, "_post_fee", lambda row, fee: setattr(row, "fee_minor", fee.minor))


def a_decision_without_a_trace(patch: Patch) -> None:
    """The state changes and the audit trail does not know."""
    def move(lead: Any, target: Any, *, by: str, reason: str = "") -> None:
        if target == "accepted":
            lead.moderation = target
        else:
            usual(lead, target, by=by, reason=reason)
    usual = moderation.lifecycle.move
    patch.setattr(moderation.lifecycle, "move", move)


def a_reversal_takes_from_what_is_owed_too(patch: Patch) -> None:
    """What was taken back of a sent transfer is given to the business before Stripe has taken it back."""
    def ask_reversal(payable: Any, amount: Money, *where: Any, credit: Any, clawback_id: str, **named: Any) -> Any:
        ledger.move(amount, source=ledger.account(AccountKind.CLEARING, "platform", amount.currency), target=credit,
                    kind="too_early", reference=f"{clawback_id}:early")
        return usual(payable, amount, *where, credit=credit, clawback_id=clawback_id, **named)
    usual = payables._ask_reversal
    patch.setattr(payables, "_ask_reversal", ask_reversal)


def _replace_job(patch: Patch, name: str, job: Callable[..., None]) -> None:
    from marketplace.jobs import JOBS  # noqa: PLC0415

    patch.setitem(JOBS, name, job)


BUGS = [a_frozen_reward_is_released, stripes_fee_is_never_booked, a_decision_without_a_trace]
SLOWER_BUGS = [  # They take more lives: `make proof` spends them.
    each_refund_on_its_own, a_reversal_takes_from_what_is_owed_too, a_fresh_key_for_every_attempt, terms_of_today_instead_of_the_leads, a_lost_lead_keeps_its_reservation,
]


@pytest.mark.once
@pytest.mark.parametrize("bug", BUGS + (SLOWER_BUGS if FACTOR > 1 else []), ids=lambda bug: bug.__name__)
def test_a_seeded_bug_is_found(bug: Callable[[Patch], None], market: Market, monkeypatch: Patch) -> None:  # noqa: F811
    bug(monkeypatch)
    with pytest.raises(AssertionError) as found:
        live(market, lives=LIVES, seed=QUICK_SEED if bug in BUGS else SLOW_SEED)
    print(f"{bug.__name__}: {str(found.value).splitlines()[0]}")
