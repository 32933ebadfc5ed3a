"""The random lives have teeth: each of these faults, put into the product on purpose, is found within a few of them."""
from collections.abc import Callable
from typing import Any

import pytest

from marketplace.foundation.ids import new_id
from marketplace.payments import sending
from tests.properties.market import Market
from tests.properties.named_bugs import (
    Patch,
    a_decision_without_a_trace,
    a_frozen_reward_is_released,
    a_lost_lead_keeps_its_reservation,
    a_reversal_takes_from_what_is_owed_too,
    each_refund_on_its_own,
    stripes_fee_is_never_booked,
)
from tests.properties.test_money_never_lost import FACTOR, live, market  # noqa: F401 - the fixture

LIVES = 20
QUICK_SEED, SLOW_SEED = 5, 1  # Lives in which they are met early.


def a_fresh_key_for_every_attempt(patch: Patch) -> None:
    """Stripe cannot tell a repeat from a second transfer."""
    def send_once(row: Any, *, send: Callable[[str], Any], find: Callable[[], Any]) -> Any:
        try:
            return send(new_id("key"))
        except sending.PermanentFailure as failure:
            return sending.Refused(failure.code, str(failure))
    patch.setattr(sending, "send_once", send_once)


BUGS = [a_frozen_reward_is_released, stripes_fee_is_never_booked, a_decision_without_a_trace]
SLOWER_BUGS = [  # They take more lives: `make proof` spends them.
    each_refund_on_its_own, a_reversal_takes_from_what_is_owed_too, a_fresh_key_for_every_attempt,
    a_lost_lead_keeps_its_reservation,
]


@pytest.mark.once
@pytest.mark.parametrize("bug", BUGS + (SLOWER_BUGS if FACTOR > 1 else []), ids=lambda bug: bug.__name__)
def test_a_seeded_bug_is_found(bug: Callable[[Patch], None], market: Market, monkeypatch: Patch) -> None:  # noqa: F811
    bug(monkeypatch)
    with pytest.raises(AssertionError) as found:
        live(market, lives=LIVES, seed=QUICK_SEED if bug in BUGS else SLOW_SEED)
    print(f"{bug.__name__}: {str(found.value).splitlines()[0]}")
