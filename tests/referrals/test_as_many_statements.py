"""Pages and answers ask the database as often for six rows as for three."""
import itertools

import pytest
from sqlalchemy import event

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.identity.api_keys import create_key
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.holds import hold_reward
from marketplace.referrals.models import DisputeKind, RewardState
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.rewards import release_reward
from marketplace.tracking.buyers_word import confirm_word, deny_word, say_bought
from tests.browsing import end_reading, words_of
from tests.factories import (
    SALE,
    accept,
    consent,
    fund_bounty,
    make_bounty,
    make_lead,
    make_user,
    owner_of,
    review_lead,
    win,
)
from tests.referrals.steps import do
from tests.tracking.report_steps import click, link

pytestmark = pytest.mark.once


def statements_of(ask):
    end_reading()
    seen = []
    listener = lambda *given: seen.append(given[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    ask()
    event.remove(db.engine, "before_cursor_execute", listener)
    return sorted({one for one in seen if seen.count(one) > 3}), len(seen)


def is_as_often_for_six(three_more, ask):
    three_more()
    ask()  # What is read once a process is read.
    _, first = statements_of(ask)
    three_more()
    many, second = statements_of(ask)
    assert second == first, many


class TestForSixAsForThree:
    def test_leads_of_a_business_with_a_yes_by_program(self, anonymous):
        bounty = make_bounty(is_live=True, funded_for=9)
        wes = owner_of(bounty.business)
        _, secret = do(create_key, wes, name="A program", scopes=["leads:read"], days=None)

        def add():
            for _ in range(3):
                lead = accept(make_lead(bounty))
                consent(lead, email=f"{lead.id}@example.com")

        def ask():
            answer = anonymous.get("/api/v1/leads", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == 200 and all(one["evidence"] for one in answer.json["data"])

        is_as_often_for_six(add, ask)

    def test_conversions_reported_at_once_by_program(self, anonymous):
        bounty = make_bounty(is_live=True, funded_for=15)
        anas, wes, size, number = link(bounty, make_user()), owner_of(bounty.business), [], itertools.count(1)
        _, secret = do(create_key, wes, name="A program", scopes=["conversions:write"], days=None)

        def ask():
            items = [{"external_id": f"o-{one}", "amount": "300.00", "currency": "usd", "customer": f"cus-{one}",
                      "click": click(anas, visitor=f"visitor-{one:08}")} for _, one in zip(size, number, strict=False)]
            answer = anonymous.post("/api/v1/conversions/batch", json={"conversions": items},
                                    headers={"Authorization": f"Bearer {secret}"})
            assert [one["conversion"]["state"] for one in answer.json["results"]] == ["pending"] * len(size)

        is_as_often_for_six(lambda: size.extend(range(3)), ask)

    def test_the_moderators_queue(self, as_user):
        bounty, mona = make_bounty(is_live=True, funded_for=9), as_user(make_user("Mona", is_admin=True))
        is_as_often_for_six(lambda: [review_lead(make_lead(bounty)) for _ in range(3)], lambda: mona.page("/moderation"))

    def test_the_age_of_funds(self, as_user):
        mona = as_user(make_user("Mona", is_admin=True))
        is_as_often_for_six(lambda: [fund_bounty(make_bounty()) for _ in range(3)], lambda: mona.page("/admin/funds"))

    def test_buyers_who_do_not_know_yet(self, as_user):
        bounty, mona = make_bounty(is_live=True, funded_for=9), as_user(make_user("Mona", is_admin=True))
        is_as_often_for_six(lambda: [accept(make_lead(bounty)) for _ in range(3)], lambda: mona.page("/admin/privacy"))

    def test_rewards_and_leads_that_earned_disputed_or_not(self, as_user):
        bounty, ana = make_bounty(is_live=True, funded_for=9), make_user()
        wes = owner_of(bounty.business)
        pages = [(as_user(ana), "/rewards"), (as_user(ana), "/leads"), (as_user(wes), f"/businesses/{bounty.business_id}/leads"),
                 (as_user(wes), f"/businesses/{bounty.business_id}/conversions")]

        def add():
            for is_disputed in (False, True, True):
                lead = accept(make_lead(bounty, by=ana))
                win(consent(lead, email=f"{lead.id}@example.com"))
                [reward] = rewards_of_lead(lead)
                if is_disputed:
                    do(open_dispute, lead, DisputeKind.BAD_LEAD, by=wes, text="They only asked the way.",
                       claim=Claim(amount=Money(40_000, "usd"), about_id=reward.id))

        is_as_often_for_six(add, lambda: [browser.page(path) for browser, path in pages])

    def test_what_is_released_paid_held_or_denied_on_pages_and_by_program(self, as_user, anonymous):
        bounty, ana = make_bounty(is_live=True, funded_for=10, hold_days=0), make_user()
        wes = owner_of(bounty.business)
        pages = [(as_user(ana), "/rewards"), (as_user(ana), "/leads"), (as_user(wes), f"/businesses/{bounty.business_id}/leads"),
                 (as_user(wes), f"/businesses/{bounty.business_id}/conversions")]
        keys = [do(create_key, who, name="A program", scopes=scopes, days=None)[1]
                for who, scopes in ((ana, ["leads:read", "rewards:read"]), (wes, ["conversions:read"]))]
        asked = [(keys[0], "leads"), (keys[0], "rewards"), (keys[1], "conversions")]

        def add():
            for state in (RewardState.PAYABLE, RewardState.PAID, RewardState.ON_HOLD, None):
                lead = consent(accept(make_lead(bounty, by=ana)), email=f"{new_id('x')}@example.com")
                said = do(say_bought, lead, amount=SALE, bought_on=clock.now().date(), is_proven=True)
                if state is None:
                    do(deny_word, said, by=wes, why="They never came to us.")
                    continue
                do(confirm_word, said, by=wes)
                [reward] = rewards_of_lead(lead)
                with transaction():
                    if state is RewardState.ON_HOLD:
                        hold_reward(reward, source_id=lead.id, reason="The bank asks.")
                        continue
                    release_reward(reward.id)
                    reward.state = state

        def ask():
            said = [words_of(browser.page(path)) for browser, path in pages]
            assert "The bank asks." in said[0] and "the business says that they did not. You may dispute it until" in said[1]
            told = []
            for secret, path in asked:
                answer = anonymous.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
                assert answer.status_code == 200 and len(answer.json["data"]) >= 3, path
                told.append(answer.json["data"])
            nexts = {one["next"].split(":")[0] for one in told[1]}
            assert nexts == {reward["next"].split(":")[0] for one in told[2] for reward in one["rewards"]} == {
                "Nothing more", "The bank asks. It is neither lost nor taken back meanwhile.",
                "The reward goes out with the next transfer, once the Stripe account is ready."}

        is_as_often_for_six(add, ask)
