"""A business pays in, agrees to top-ups, takes free funds back; a bounty short of funds says so to everybody."""
import pytest
from lxml import html
from sqlalchemy import select

from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.publishing import OUT_OF_FUNDS, NothingFree, PlanChanged, refund_free
from marketplace.bounties.topping_up import watch_top_ups
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict, Forbidden
from marketplace.foundation.money import Money
from marketplace.identity.models import MemberRole
from marketplace.payments.models import AccountKind, Funding, FundingState, FundingWay, Refund, TopUpState
from marketplace.payments.money_in.top_ups import find_top_up
from tests.browsing import body_of, end_reading, words_of
from tests.factories import accept, make_bounty, make_business, make_lead, make_member, make_user, owner_of, review_lead
from tests.payments.money_steps import fresh, holds, usd

ONE_LEAD = usd(1050)


@pytest.fixture
def stripe(app, stripe_sandbox):
    """Stripe without the SDK's own retries, which sleep."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = stripe_sandbox.gateway()
    yield stripe_sandbox
    app.extensions["gateway"] = before


@pytest.fixture
def pay(as_user, stripe, work):
    """Pays in through the pages, on Stripe's page and by Stripe's word."""
    def pay_in(bounty, amount="1050", card="visa", **fields):
        answer = as_user(owner_of(bounty.business)).submit(
            f"/bounties/{bounty.id}/funding", {"amount": amount, **fields}, follow=False)
        assert answer.status_code == 303, answer.text[:500]
        funding = latest_funding()
        stripe.control.pay_checkout(funding.checkout_session_id, card=card)
        stripe.deliver_webhooks()
        work()
        return fresh(Funding, funding.id)
    return pay_in


def said_in(answer):
    return words_of(html.fromstring(answer.text))


def letter(mailbox, subject, to):
    """The words of the last mail of this subject to this person, or None."""
    found = [mail for mail in mailbox.to(to.email) if str(mail["Subject"]).startswith(subject)]
    return body_of(found[-1]) if found else None


def latest_funding():
    end_reading()
    return db.session.scalars(select(Funding).order_by(Funding.id.desc())).first()


def agree(as_user, bounty, amount="1050", monthly="3150"):
    return as_user(owner_of(bounty.business)).submit(
        f"/bounties/{bounty.id}/top-up", {"amount": amount, "monthly": monthly, "agrees": "true"})


def publish(as_user, bounty):
    as_user(owner_of(bounty.business)).submit(f"/bounties/{bounty.id}", action="/publication")


def state_of(bounty):
    return fresh(Bounty, bounty.id).state


def test_what_happens_to_the_money_stands_before_paying(app, as_user):
    bounty = make_bounty()
    said = words_of(as_user(owner_of(bounty.business)).page(f"/bounties/{bounty.id}/funding?amount=2500"))
    assert "You pay in $2,500" in said
    assert "Pays for 2 leads" in said
    assert "Our fee in it, at most $100" in said
    assert "Left over $400" in said
    assert "goes back to the card or account you pay with now" in said
    assert "At least $5." in said


def test_sums_that_cannot_be_paid_ask_stripe_nothing(as_user, stripe):
    bounty = make_bounty()
    browser, page = as_user(owner_of(bounty.business)), f"/bounties/{bounty.id}/funding"
    for amount in ("4.99", "0", "-5", "abc", "99999999999999999999", "1.234", "", "1e9"):
        assert browser.submit(page, {"amount": amount}).status_code == 422, amount
        assert browser.get(f"{page}?amount={amount}").status_code == 200, amount
    assert latest_funding() is None and not stripe.box.calls


def test_the_money_of_another_business_is_out_of_reach(as_user, stripe):
    bounty, stranger = make_bounty(is_live=True), owner_of(make_business(make_user("Pete Moss"), name="Eastside"))
    for path in ("funding", "top-up", "refund"):
        assert as_user(stranger).get(f"/bounties/{bounty.id}/{path}").status_code == 403
    with pytest.raises(Forbidden), transaction():
        refund_free(bounty, expected=usd(3150), by=stranger)


def test_a_payment_is_receipted_by_mail(pay, mailbox):
    bounty = make_bounty()
    funding = pay(bounty)
    receipt = letter(mailbox, "Receipt: your payment came in", owner_of(bounty.business))
    for said in ("$1,050", bounty.title, "Visa ending in 4242", "Date: 2 Nov 2026", funding.payment_intent_id):
        assert said in receipt


def test_a_kept_card_is_shown_and_removed(as_user, pay, stripe):
    bounty = make_bounty()
    owner = owner_of(bounty.business)
    page = f"/businesses/{bounty.business_id}/fundings"
    assert "kept for top-ups" not in words_of(as_user(owner).page(page))
    pay(bounty, keeps_card="true")
    said = words_of(as_user(owner).page(page))
    assert "Visa ending in 4242, valid to 12/31" in said and "4242 4242" not in said
    as_user(owner).submit(page, action="/card-removal")
    assert "ending in 4242" not in words_of(as_user(owner).page(page))
    assert as_user(owner).get(page).status_code == 200


def test_a_bounty_that_runs_short_is_topped_up_and_goes_on(as_user, pay, work, mailbox):
    bounty = make_bounty()
    pay(bounty, keeps_card="true")
    publish(as_user, bounty)
    answer = agree(as_user, bounty)
    assert "Your card is charged $1,050 whenever this bounty can no longer pay for one more lead." in said_in(answer)
    work()
    assert latest_funding().way is FundingWay.CHECKOUT  # Nothing is short yet.
    accept(make_lead(bounty))
    assert state_of(bounty) is BountyState.PAUSED
    work()
    funding = latest_funding()
    assert (funding.way, funding.state, funding.amount) == (FundingWay.TOP_UP, FundingState.PAID, ONE_LEAD)
    assert state_of(bounty) is BountyState.LIVE
    assert holds(AccountKind.FUNDS, bounty.id) == 1050_00
    assert letter(mailbox, "Your bounty is paused", owner_of(bounty.business)) is None


def test_a_top_up_that_was_missed_is_made_up_by_the_hourly_look(as_user, pay, work):
    bounty = make_bounty()
    pay(bounty, keeps_card="true")
    publish(as_user, bounty)
    accept(make_lead(bounty))
    work()
    assert state_of(bounty) is BountyState.PAUSED
    agree(as_user, bounty)
    with transaction():
        watch_top_ups()
    work()
    assert state_of(bounty) is BountyState.LIVE
    assert db.session.query(Funding).filter_by(way=FundingWay.TOP_UP).count() == 1


def test_what_the_business_paused_is_not_topped_up(as_user, pay, work):
    bounty = make_bounty()
    pay(bounty, keeps_card="true")
    publish(as_user, bounty)
    agree(as_user, bounty)
    work()
    lead = make_lead(bounty)
    as_user(owner_of(bounty.business)).submit(f"/bounties/{bounty.id}", action="/pause")
    accept(lead)
    with transaction():
        watch_top_ups()
    work()
    assert latest_funding().way is FundingWay.CHECKOUT


def test_agreements_that_make_no_sense_are_refused_beside_the_field(as_user, pay):
    bounty = make_bounty()
    pay(bounty, keeps_card="true")
    browser = as_user(owner_of(bounty.business))
    for fields, said in (
        ({"amount": "1049"}, "At least $1,050, for one lead."),
        ({"monthly": "1000"}, "At least $1,050, the sum of one top-up."),
        ({"agrees": ""}, "Without your agreement nothing is charged."),
        ({"amount": "x"}, "in figures"), ({"monthly": ""}, "Say how much a month at most."),
        ({"monthly": "99999999999"}, "most we can handle"),
    ):
        answer = browser.submit(
            f"/bounties/{bounty.id}/top-up", {"amount": "1050", "monthly": "3150", "agrees": "true", **fields})
        assert answer.status_code == 422 and said in said_in(answer), fields
    assert find_top_up(bounty.id) is None


def test_without_a_card_the_page_says_how_to_get_one(app, as_user):
    bounty = make_bounty()
    said = words_of(as_user(owner_of(bounty.business)).page(f"/bounties/{bounty.id}/top-up"))
    assert "No card is kept" in said and "keep this card for top-ups" in said


def test_a_bank_that_wants_its_owner_gets_a_mail_and_a_fresh_page(as_user, pay, work, mailbox):
    bounty = make_bounty()
    pay(bounty, card="confirms", keeps_card="true")
    publish(as_user, bounty)
    agree(as_user, bounty)
    accept(make_lead(bounty))
    work()
    funding = latest_funding()
    mail = letter(mailbox, "Your bank wants you to confirm a top-up", owner_of(bounty.business))
    assert f"/fundings/{funding.id}" in mail
    page = as_user(owner_of(bounty.business)).page(f"/fundings/{funding.id}")
    assert "The bank wants you to confirm this payment yourself." in words_of(page)
    (fresh_page,) = page.xpath("//a[normalize-space()='Confirm and pay']/@href")
    assert fresh_page.endswith(f"/bounties/{bounty.id}/funding?amount=1050.00")
    pay(bounty)
    assert state_of(bounty) is BountyState.LIVE
    assert holds(AccountKind.FUNDS, bounty.id) == 1050_00


def test_everybody_who_looks_is_told_that_a_bounty_waits_for_funds(as_user, anonymous, work, mailbox):
    bounty = make_bounty(is_live=True, funded_for=1)
    ana = make_user()
    waiting = review_lead(make_lead(bounty, by=ana))
    accept(make_lead(bounty))
    work()
    assert fresh(Bounty, bounty.id).paused_because == OUT_OF_FUNDS
    assert bounty.title not in words_of(anonymous.page("/bounties"))
    (awaited,) = anonymous.page("/bounties").xpath("//a[contains(., 'wait for funds')]/@href")
    assert bounty.title in words_of(anonymous.page(awaited))
    page = words_of(anonymous.page(f"/bounties/{bounty.id}"))
    assert "There are no free funds for one more lead." in page
    assert "No free funds" in page and "Not funded yet" not in page
    assert "no funds for one more lead" in words_of(
        as_user(owner_of(bounty.business)).page(f"/dashboard/business/{bounty.business_id}"))
    assert "The bounty is paused." in words_of(as_user(ana).page(f"/leads/{waiting.id}"))
    assert "if the bounty closes before, it is rejected" in letter(mailbox, "Your lead waits for funds", ana)
    assert letter(mailbox, "Your bounty is paused", owner_of(bounty.business))


def test_free_funds_go_back_as_the_page_said_and_the_bounty_pauses(as_user, pay, stripe, work, mailbox):
    bounty = make_bounty()
    pay(bounty, amount="1050")
    pay(bounty, amount="2000", keeps_card="true")
    publish(as_user, bounty)
    agree(as_user, bounty)
    accept(make_lead(bounty))
    owner = owner_of(bounty.business)
    page = f"/bounties/{bounty.id}/refund"
    rows = [[words_of(cell) for cell in row.xpath("./td")][-2:] for row in as_user(owner).page(page).xpath("//tbody/tr")]
    assert rows == [["$1,050", "$1,050"], ["$2,000", "$950"]]
    as_user(owner).submit(page, press="Take it back")
    work()
    assert sorted(one["amount"] for one in stripe.box.world.store.all("refund")) == [950_00, 1050_00]
    assert (holds(AccountKind.FUNDS, bounty.id), state_of(bounty)) == (0, BountyState.PAUSED)
    assert find_top_up(bounty.id).state is TopUpState.PAUSED
    receipt = letter(mailbox, "Receipt: a refund is on its way to you", owner)
    assert "re_" in receipt and "Visa ending in 4242" in receipt
    assert "Nothing is free" in words_of(as_user(owner).page(page))


def test_a_refund_sent_twice_or_from_an_old_page_gives_back_once(as_user, stripe):
    bounty = make_bounty(is_live=True)
    owner = owner_of(bounty.business)
    with transaction():
        refund_free(fresh(Bounty, bounty.id), expected=usd(3150), by=owner)
    with pytest.raises(NothingFree), transaction():
        refund_free(fresh(Bounty, bounty.id), expected=usd(3150), by=owner)
    other = make_bounty(is_live=True)
    for expected in (usd(3149), Money(0, "usd")):
        with pytest.raises(PlanChanged), transaction():
            refund_free(fresh(Bounty, other.id), expected=expected, by=owner_of(other.business))
    assert db.session.query(Refund).count() == 1
    assert fresh(Bounty, other.id).state is BountyState.LIVE


def test_a_closed_bounty_gives_back_by_itself_and_takes_no_top_up(as_user):
    bounty = make_bounty(is_live=True)
    owner = owner_of(bounty.business)
    as_user(owner).submit(f"/bounties/{bounty.id}", action="/closure")
    with pytest.raises(Conflict), transaction():
        refund_free(fresh(Bounty, bounty.id), expected=usd(3150), by=owner)
    assert "closed" in words_of(as_user(owner).page(f"/bounties/{bounty.id}/refund"))


def test_a_payment_that_takes_days_says_so_and_writes_at_both_ends(as_user, pay, stripe, work, mailbox):
    bounty = make_bounty()
    funding = pay(bounty, card="bank_debit")
    owner = owner_of(bounty.business)
    assert "Your bank is sending the money." in words_of(as_user(owner).page(f"/fundings/{funding.id}"))
    assert letter(mailbox, "Your payment is on its way", owner)
    stripe.control.settle_checkout(funding.checkout_session_id, succeeded=False)
    stripe.deliver_webhooks()
    work()
    said = words_of(as_user(owner).page(f"/fundings/{funding.id}"))
    assert "This payment did not go through." in said and "unauthorized" in said
    assert letter(mailbox, "Your payment did not go through", owner)


def test_operators_see_how_old_unused_money_is(as_user, later):
    bounty = make_bounty(is_live=True)
    later(days=30)
    said = words_of(as_user(make_user(is_admin=True)).page("/admin/funds"))
    assert bounty.title in said and "$3,150" in said and "699" in said


@pytest.mark.parametrize("step", ["customers", "checkout"])
def test_with_stripe_away_the_wish_is_kept_and_goes_on_by_itself(as_user, stripe, work, later, step):
    bounty = make_bounty()
    stripe.control.plan_fault(kind="error_unstored", path=step, times=2)
    answer = as_user(owner_of(bounty.business)).submit(f"/bounties/{bounty.id}/funding", {"amount": "1050"})
    assert "Stripe does not answer just now." in said_in(answer)
    for _ in range(3):
        later(minutes=2)
        work(may_fail=True)
    assert latest_funding().state is FundingState.OPEN


class TestWhoComesAgain:
    """A payment page that was left is not paid beside a second one."""

    def ask(self, as_user, bounty, amount="1050"):
        return as_user(owner_of(bounty.business)).submit(f"/bounties/{bounty.id}/funding", {"amount": amount}, follow=False).location

    def test_gets_the_page_that_is_still_open(self, as_user, stripe):
        bounty = make_bounty()
        assert self.ask(as_user, bounty) == self.ask(as_user, bounty)
        assert db.session.query(Funding).count() == 1

    def test_gets_another_page_for_another_amount_or_by_another_person(self, as_user, stripe):
        bounty = make_bounty()
        manager = make_member(bounty.business, MemberRole.MANAGER)
        pages = {self.ask(as_user, bounty), self.ask(as_user, bounty, "2100"),
                 as_user(manager).submit(f"/bounties/{bounty.id}/funding", {"amount": "1050"}, follow=False).location}
        assert len(pages) == 3

    def test_pays_twice_where_the_first_was_paid_and_nobody_has_told_us_yet(self, as_user, stripe):
        bounty = make_bounty()
        first = self.ask(as_user, bounty)
        stripe.control.pay_checkout(latest_funding().checkout_session_id, card="visa")
        assert self.ask(as_user, bounty) != first
        assert [one.state for one in db.session.scalars(select(Funding).order_by(Funding.id))] == [FundingState.PAID, FundingState.OPEN]


def test_a_paid_draft_says_that_it_must_still_be_published(as_user, pay):
    bounty = make_bounty()
    funding, wes = pay(bounty), as_user(owner_of(bounty.business))
    page = wes.page(f"/fundings/{funding.id}")
    assert "still a draft" in words_of(page) and page.xpath(f"//a[@href='/bounties/{bounty.id}'][contains(., 'publish')]")
    wes.submit(f"/bounties/{bounty.id}", press="Publish")
    assert "still a draft" not in words_of(wes.page(f"/fundings/{funding.id}"))
    assert bounty.title in words_of(wes.page(f"/businesses/{bounty.business_id}/fundings"))
