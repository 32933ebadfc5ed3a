"""The gate of category and place: what the law of a place lets nobody give is neither offered nor promised."""
import pytest
from sqlalchemy import select

from marketplace.bounties.drafting import PROMISED, change_bounty, rule_as_typed
from marketplace.bounties.gate import FREE, is_gated, rule_on, rules_in_force, stricter
from marketplace.bounties.gate_rules import AlreadyReviewed, Overtaken, OwnProposal, get_rule, propose_rule, review_rule
from marketplace.bounties.lowering import NothingAllowed, NothingToLower, apply_gate, lower_bounty
from marketplace.bounties.models import Allowed, Bounty, BountyState, Category, For, GateRule, NonCash, RewardKind
from marketplace.bounties.publishing import FORBIDDEN, PlaceUnsaid, RewardForbidden, publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from tests.browsing import end_reading
from tests.factories import flat, make_bounty, make_user, owner_of

CALIFORNIA = {"jurisdiction": "US-CA", "place": "San Diego"}
NEW_RULE = {
    "key": "us-co-cars", "category": Category.CARS, "jurisdiction": "US-CO", "allows": Allowed.THANK_YOU,
    "says": "From now on nobody may be paid for sending a car buyer.", "citation": "A new act, section 1"}
THANKS = {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "Our thanks on the wall"}


def the(bounty: Bounty) -> Bounty:
    end_reading()
    return db.session.get_one(Bounty, bounty.id)


def propose(by, **changed) -> GateRule:
    with transaction():
        return propose_rule(by=by, **{**NEW_RULE, "cited_on": clock.now().date(), **changed})


class TestRuling:
    def test_a_country_binds_its_parts_and_a_part_nobody_else(self, app):
        assert rule_on(Category.HEALTH, ["US-NY"]).allows is Allowed.NOTHING
        assert rule_on(Category.CARS, ["US-CA"]).allows is Allowed.THANK_YOU
        assert rule_on(Category.CARS, ["US"]) == rule_on(Category.CARS, ["US-CO", "CA"]) == FREE

    def test_the_strictest_of_all_places_decides(self, app):
        """Sold in Colorado to somebody in Colorado, pointed out by somebody in California."""
        ruling = rule_on(Category.CARS, ["US-CO", "US-CA", ""])
        assert ruling.rule.key == "us-ca-cars"
        assert stricter(ruling, rule_on(Category.REAL_ESTATE, ["US"])).allows is Allowed.NOTHING

    def test_other_categories_of_the_same_place_are_free(self, app):
        assert rule_on(Category.SOFTWARE, ["US-CA"]) == FREE
        assert not is_gated(Category.SOFTWARE)

    def test_every_shipped_rule_says_where_it_stands_and_since_when_we_know(self, app):
        shipped = db.session.scalars(select(GateRule)).all()
        assert len(shipped) >= 8
        assert all(rule.citation and rule.cited_on and rule.says and rule.proposed_by is None for rule in shipped)


class TestPublishing:
    def test_a_car_bounty_does_not_go_live_before_it_says_where_it_is_sold(self, app):
        bounty = make_bounty(funded_for=1, jurisdiction="")
        with pytest.raises(PlaceUnsaid) as refused, transaction():
            publish_bounty(bounty, by=owner_of(bounty.business))
        assert "say where" in refused.value.next_step

    def test_where_nothing_is_limited_nobody_asks_for_the_place(self, app):
        bounty = make_bounty(is_live=True, jurisdiction="", category=Category.SOFTWARE)
        assert the(bounty).state is BountyState.LIVE

    def test_money_for_a_car_buyer_is_refused_in_california_with_the_rule(self, app):
        bounty = make_bounty(funded_for=1, **CALIFORNIA)
        with pytest.raises(RewardForbidden) as refused, transaction():
            publish_bounty(bounty, by=owner_of(bounty.business))
        assert "11713(h)" in refused.value.message

    def test_thanks_are_allowed_there_and_a_favour_is_worth_money(self, app):
        thanked = make_bounty(rules=[THANKS], **CALIFORNIA)
        with transaction():
            publish_bounty(thanked, by=owner_of(thanked.business))
        assert the(thanked).state is BountyState.LIVE
        favour = make_bounty(rules=[{**THANKS, "thing": NonCash.FAVOUR}], **CALIFORNIA)
        with pytest.raises(RewardForbidden), transaction():
            publish_bounty(favour, by=owner_of(favour.business))

    def test_a_live_bounty_cannot_be_moved_to_where_its_reward_is_forbidden(self, app):
        bounty = make_bounty(is_live=True)
        promised = {name: getattr(bounty.terms, name) for name in PROMISED}
        with pytest.raises(RewardForbidden), transaction():
            change_bounty(bounty, by=owner_of(bounty.business), title=bounty.title, offer=bounty.offer,
                          **{**promised, "jurisdiction": "US-CA", "rules": [rule_as_typed(r) for r in bounty.terms.rules]})
        assert the(bounty).terms.jurisdiction == "US-CO"


class TestLowering:
    def test_money_becomes_a_thank_you_under_new_terms_and_needs_no_funds(self, app):
        bounty = make_bounty(**CALIFORNIA)
        owner = owner_of(bounty.business)
        with transaction():
            lower_bounty(bounty, by=owner)
            publish_bounty(bounty, by=owner)
        lowered = the(bounty)
        [rule] = lowered.terms.rules
        assert (lowered.state, lowered.terms_number, rule.thing) == (BountyState.LIVE, 2, NonCash.THANK_YOU)
        assert "Westside Auto" in rule.words

    def test_what_is_allowed_stays(self, app):
        """Colorado's rule does not bind the buyer's share; California's does."""
        share = flat(5_000, whom=For.BUYER)
        keeps = make_bounty(rules=[flat(100_000), THANKS, share], jurisdiction="US-LA", cause="Food Bank")
        loses = make_bounty(rules=[flat(100_000), THANKS, share], jurisdiction="US-CA", cause="Food Bank")
        for bounty in (keeps, loses):
            with transaction():
                lower_bounty(bounty, by=owner_of(bounty.business))
        kept = [(rule.whom, rule.kind) for rule in the(keeps).terms.rules]
        assert kept == [(For.REFERRER, RewardKind.NON_CASH), (For.BUYER, RewardKind.FLAT)]
        assert [rule.thing for rule in the(loses).terms.rules] == [NonCash.THANK_YOU]
        assert (the(keeps).terms.cause, the(loses).terms.cause) == ("Food Bank", None)

    def test_where_nothing_may_be_given_there_is_nothing_to_lower_to(self, app):
        bounty = make_bounty(category=Category.REAL_ESTATE, jurisdiction="US-NY")
        with pytest.raises(NothingAllowed), transaction():
            lower_bounty(bounty, by=owner_of(bounty.business))

    def test_what_is_allowed_already_is_not_lowered(self, app):
        bounty = make_bounty()
        with pytest.raises(NothingToLower), transaction():
            lower_bounty(bounty, by=owner_of(bounty.business))

    def test_only_its_business_lowers_it(self, app):
        bounty, stranger = make_bounty(**CALIFORNIA), make_user()
        with pytest.raises(Forbidden), transaction():
            lower_bounty(bounty, by=stranger)


class TestRules:
    def test_a_proposal_changes_nothing_before_another_admin_has_read_it(self, app):
        mona, olga = make_user("Mona", is_admin=True), make_user("Olga", is_admin=True)
        rule = propose(mona)
        assert rule_on(Category.CARS, ["US-CO"]) == FREE
        with pytest.raises(OwnProposal), transaction():
            review_rule(rule, by=mona)
        with transaction():
            review_rule(get_rule(rule.id), by=olga)
        assert rule_on(Category.CARS, ["US-CO"]).rule.id == rule.id
        with pytest.raises(AlreadyReviewed), transaction():
            review_rule(get_rule(rule.id), by=olga)

    def test_a_reviewed_change_replaces_the_number_before_it(self, app):
        mona, olga = make_user("Mona", is_admin=True), make_user("Olga", is_admin=True)
        freed = propose(mona, key="us-ca-cars", jurisdiction="US-CA", allows=Allowed.CASH, says="It is allowed from now on.")
        assert freed.number == 2
        with transaction():
            review_rule(get_rule(freed.id), by=olga)
        assert rule_on(Category.CARS, ["US-CA"]).allows is Allowed.CASH
        assert [rule.number for rule in rules_in_force(Category.CARS) if rule.key == "us-ca-cars"] == [2]

    def test_an_older_number_does_not_come_back(self, app):
        mona, olga = make_user("Mona", is_admin=True), make_user("Olga", is_admin=True)
        first, second = propose(mona), propose(mona, allows=Allowed.NOTHING)
        with transaction():
            review_rule(get_rule(second.id), by=olga)
        with pytest.raises(Overtaken), transaction():
            review_rule(get_rule(first.id), by=olga)

    def test_only_admins_propose_and_review(self, app):
        wes = make_user("Wes")
        with pytest.raises(Forbidden):
            propose(wes)
        with pytest.raises(Forbidden), transaction():
            review_rule(rules_in_force(Category.CARS)[0], by=wes)

    def test_live_bounties_that_a_new_rule_forbids_pause_and_their_business_is_told(self, app, work, mailbox):
        bounty, elsewhere = make_bounty(is_live=True), make_bounty(is_live=True, jurisdiction="DE")
        mona, olga = make_user("Mona", is_admin=True), make_user("Olga", is_admin=True)
        proposed = propose(mona)
        with transaction():
            review_rule(get_rule(proposed.id), by=olga)
        work()
        assert (the(bounty).state, the(bounty).paused_because) == (BountyState.PAUSED, FORBIDDEN)
        assert the(elsewhere).state is BountyState.LIVE
        assert [letter["subject"] for letter in mailbox.all() if "not allowed there" in letter["subject"]]
        with transaction():
            apply_gate("cars")  # Again: nothing is left to do.


class TestPages:
    def test_the_business_lowers_with_one_button_and_publishes(self, app, as_user):
        bounty = make_bounty(**CALIFORNIA)
        wes = as_user(owner_of(bounty.business))
        shown = wes.get(f"/bounties/{bounty.id}").text
        assert "This reward is not allowed there." in shown
        assert "Lower it to a thank-you" in shown
        assert "11713(h)" in shown
        wes.submit(f"/bounties/{bounty.id}", action="/lowering")
        wes.submit(f"/bounties/{bounty.id}", action="/publication")
        assert the(bounty).state is BountyState.LIVE

    def test_somebody_who_lives_where_less_is_allowed_reads_it_before_pointing(self, app, as_user):
        bounty = make_bounty(is_live=True)
        cal = as_user(make_user("Cal", jurisdiction="US-CA"))
        shown = cal.get(f"/bounties/{bounty.id}").text
        assert "The law where you live allows less." in shown
        assert "What you would get: a thank-you" in shown

    def test_admins_propose_and_review_in_their_room(self, app, as_user):
        mona, olga = as_user(make_user("Mona", is_admin=True)), as_user(make_user("Olga", is_admin=True))
        shown = mona.get("/admin/gate").text
        assert "Nobody has reviewed it yet" in shown
        bad = mona.submit("/admin/gate/new", {"key": "Us Co", "category": "cars", "allows": "nothing", "says": "short"})
        assert bad.status_code == 422
        assert "Small letters" in bad.text
        mona.submit("/admin/gate/new", {
            "key": "us-co-cars", "category": "cars", "jurisdiction": "US-CO", "allows": "nothing",
            "says": NEW_RULE["says"], "citation": "A new act, section 1", "cited_on": "2026-11-01"})
        rule = db.session.scalar(select(GateRule).where(GateRule.key == "us-co-cars"))
        assert f"/admin/gate/{rule.id}/review" not in mona.get("/admin/gate").text
        olga.submit("/admin/gate", action=f"/admin/gate/{rule.id}/review")
        end_reading()
        assert rule_on(Category.CARS, ["US-CO"]).allows is Allowed.NOTHING
