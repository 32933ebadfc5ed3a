"""What a lead earns, through the pages of everybody it concerns."""
import pytest
from lxml import html
from marshmallow import ValidationError

from marketplace.bounties.models import Bounty, For, Happening, NonCash, RewardKind
from marketplace.foundation.db import db
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.lifecycle import move_reward
from marketplace.referrals.models import (
    Choice,
    Conversion,
    ConversionKind,
    KindState,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitState,
    Stage,
)
from marketplace.referrals.next_step import next_step
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.reward_schemas import SplitForm
from marketplace.referrals.reward_words import reward_next
from marketplace.referrals.stages import change_stage
from tests.browsing import end_reading, words_of
from tests.factories import accept, consent, flat, make_bounty, make_user, win
from tests.referrals.steps import again, do, point

pytestmark = pytest.mark.once  # The verbs behind them are tried on both databases.

WINE = {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A bottle of wine"}
RENEWALS = flat(10_000, happening=Happening.RENEWAL, times=2)


@pytest.fixture
def rich(westside, keep):
    """Everything that rules can promise."""
    return db.session.get_one(Bounty, keep("a rich bounty", lambda: make_bounty(
        westside, is_live=True, cause="the animal shelter", rules=[
            flat(20_000, happening=Happening.QUALIFIED), flat(100_000), WINE, flat(5_000, whom=For.BUYER),
            flat(30_000, happening=Happening.LATER, after_days=90), RENEWALS]).id))


@pytest.fixture
def lead(rich, ana, mona, keep_lead):
    return keep_lead("open", lambda: consent(accept(point(rich, ana), by=mona)))


@pytest.fixture
def sold(lead, keep_lead):
    return keep_lead("won", lambda: win(lead) and lead)


def private(lead, purpose=MAILED):
    end_reading()
    return buyer_link(again(lead), purpose).removeprefix("http://localhost")


def share():
    end_reading()
    return db.session.query(Reward).filter_by(whom=For.BUYER).populate_existing().one()


def thing():
    end_reading()
    return db.session.query(RewardInKind).populate_existing().one()


class TestTheLeadsPage:
    def test_a_sale_of_a_lead_that_nobody_called_qualified_shows_both_parts_first(self, westside, ana, mona, wes, as_user):
        capped = make_bounty(westside, is_live=True, cap_per_referrer_minor=110_000, rules=[
            flat(20_000, happening=Happening.QUALIFIED), flat(100_000), flat(5_000, whom=For.BUYER)])
        lead, browser = consent(accept(point(capped, ana), by=mona)), as_user(wes)
        form = next(form for form in browser.page(f"/leads/{lead.id}").forms if (form.action or "").endswith("/sale"))
        sent = dict(form.form_values()) | {"amount": "30,000"}
        shown = words_of(html.fromstring(browser.post(f"/leads/{lead.id}/sale/preview", data=sent, follow_redirects=True).text))
        for words in ("What this qualified lead would make", "The referrer gets $200", "What this sale would make",
                      "The referrer gets $900", "The buyer gets $50"):
            assert words in shown
        told = words_of(html.fromstring(browser.post(f"/leads/{lead.id}/sale", data=sent, follow_redirects=True).text))
        assert "A reward of $1,100 is held for the referrer. A share of $50 is held for the buyer." in told

    def test_tells_each_part_with_its_arithmetic_and_what_comes_next(self, lead, ana, wes, as_user, work, later):
        do(change_stage, lead, Stage.QUALIFIED, by=wes)
        win(again(lead))
        later(days=91)
        work()
        for person in (ana, wes):
            said = words_of(as_user(person).page(f"/leads/{lead.id}"))
            for words in ("The reward for the qualified lead", "The reward for the sale", "The reward for the 90 days after the sale",
                          "$200", "$1,000", "$300", "A thank-you (a bottle of wine)", "Next:", "For the buyer"):
                assert words.lower() in said.lower(), words

    def test_records_a_renewal_after_showing_what_it_earns(self, sold, wes, as_user):
        wes_at = as_user(wes)
        fields = {"amount": "500.00", "occurred_on": "2026-11-02", "order_number": "O-7"}
        shown = wes_at.submit(f"/leads/{sold.id}", fields, action="/renewal", press="Record the renewal")
        assert "A reward of $100 is held for the referrer" in shown.text
        end_reading()
        assert db.session.query(Conversion).filter_by(kind=ConversionKind.RENEWAL).count() == 1
        again_ = wes_at.submit(f"/leads/{sold.id}", fields, action="/renewal", press="Record the renewal")
        assert (again_.status_code, "counted already" in again_.text) == (409, True)

    def test_shows_a_renewal_before_it_is_recorded(self, sold, wes, as_user):
        browser = as_user(wes)
        page = browser.page(f"/leads/{sold.id}")
        form = next(form for form in page.forms if (form.action or "").endswith("/renewal"))
        sent = dict(form.form_values()) | {"amount": "500", "order_number": "O-7"}
        shown = browser.post(f"/leads/{sold.id}/renewal/preview", data=sent, follow_redirects=True)
        assert "What this renewal would make" in shown.text and "$100" in shown.text
        assert db.session.query(Conversion).filter_by(kind=ConversionKind.RENEWAL).count() == 0

    def test_says_why_a_renewal_is_refused(self, sold, wes, as_user):
        browser = as_user(wes)
        for number in ("O-1", "O-2"):
            browser.submit(f"/leads/{sold.id}", {"amount": "500", "order_number": number}, action="/renewal", press="Record the renewal")
        page = browser.page(f"/leads/{sold.id}")
        assert not [form for form in page.forms if (form.action or "").endswith("/renewal")]

    def test_ends_renewals(self, sold, wes, as_user):
        answered = as_user(wes).submit(f"/leads/{sold.id}", action="/renewals-end")
        assert "is free again" in answered.text

    def test_refunds_a_renewal_alone(self, sold, wes, as_user):
        browser = as_user(wes)
        browser.submit(f"/leads/{sold.id}", {"amount": "500", "order_number": "O-1"}, action="/renewal", press="Record the renewal")
        end_reading()
        renewal = db.session.query(Conversion).filter_by(kind=ConversionKind.RENEWAL).one().id
        said = browser.submit(f"/leads/{sold.id}", {"amount": "250", "refund_number": "R-1", "conversion_id": renewal}, action="/refund")
        assert "$50 of the reward is taken back" in said.text


class TestSplit:
    def test_is_proposed_agreed_to_and_shown(self, rich, ana, as_user, work, mailbox, mona):
        lead, tom = point(rich, ana), make_user("Tom Berg")
        said = as_user(ana).submit(f"/leads/{lead.id}", {"own_percent": "75", "email_1": tom.email, "percent_1": "25"}, action="/split")
        assert "it counts once all have agreed" in said.text
        work()
        link = mailbox.link_to(tom.email, "/splits/")
        toms = as_user(tom)
        page = words_of(toms.page(link))
        assert "Do you agree to 25%?" in page
        assert "car" in page and "David" not in page
        assert "share a reward with you" in words_of(toms.page("/dashboard/referrer"))
        assert "You agreed." in toms.submit(link, press="I agree").text
        end_reading()
        assert db.session.query(Split).one().state is SplitState.AGREED
        assert "it is fixed" in words_of(as_user(ana).page(f"/leads/{lead.id}"))
        win(again(consent(accept(again(lead), by=mona))))
        said = words_of(toms.page("/rewards"))
        assert "shared by Ana Flores" in said and "$250" in said

    def test_that_does_not_add_up_keeps_what_was_typed(self, rich, ana, as_user):
        lead = point(rich, ana)
        said = as_user(ana).submit(f"/leads/{lead.id}", {"own_percent": "75", "email_1": "tom@example.com", "percent_1": "20"}, action="/split")
        assert said.status_code == 422
        assert "exactly 100%" in said.text and 'value="tom@example.com"' in said.text

    def test_is_taken_back(self, rich, ana, as_user):
        lead = point(rich, ana)
        browser = as_user(ana)
        browser.submit(f"/leads/{lead.id}", {"own_percent": "75", "email_1": "tom@example.com", "percent_1": "25"}, action="/split")
        assert "is taken back" in browser.submit(f"/leads/{lead.id}", press="Take the split back").text

    def test_is_declined(self, rich, ana, as_user):
        lead, tom = point(rich, ana), make_user("Tom Berg")
        as_user(ana).submit(f"/leads/{lead.id}", {"own_percent": "75", "email_1": tom.email, "percent_1": "25"}, action="/split")
        end_reading()
        split_id = db.session.query(Split).one().id
        assert "You said no" in as_user(tom).submit(f"/splits/{split_id}", press="No, thank you").text


class TestTheBuyersShare:
    def test_is_told_before_they_say_yes(self, rich, ana, mona, anonymous):
        lead = accept(point(rich, ana), by=mona)
        said = words_of(anonymous.page(private(lead, PASSED_ON)))
        assert "something in it for you" in said and "$50 if you buy" in said and "the animal shelter" in said

    def test_is_given_to_the_cause_from_the_private_page(self, sold, anonymous):
        said = anonymous.submit(private(sold), press="Give it to the animal shelter")
        assert "The business gives as much to its cause" in said.text
        assert share().choice is Choice.DONATION

    def test_is_declined_from_the_private_page(self, sold, anonymous):
        assert "goes back to the business" in anonymous.submit(private(sold), press="Decline it").text
        assert share().state is RewardState.VOIDED

    def test_is_taken_as_money_by_the_one_who_reads_that_mail(self, sold, anonymous, as_user):
        page = anonymous.page(private(sold))
        href = next(link.get("href") for link in page.iter("a") if link.text_content().strip() == "Take it as money")
        david = as_user(make_user("David Brandt", email="david@example.com"))
        assert "It is yours" in david.submit(href, press="Take it as money").text
        assert "your share as the buyer" in words_of(david.page("/rewards"))

    def test_speaks_to_whoever_reads(self, sold, anonymous):
        assert reward_next(share(), "buyer").startswith("You may choose")
        assert reward_next(share(), sold.business_id).startswith("The buyer may choose")
        anonymous.submit(private(sold), press="Give it to the animal shelter")
        assert "to your cause" in reward_next(share(), sold.business_id) and "to its cause" in reward_next(share(), "buyer")

    def test_cannot_be_chosen_by_a_link_that_was_passed_on(self, sold, anonymous):
        page = anonymous.page(private(sold, PASSED_ON))
        assert "open the link in the mail" in words_of(page)
        assert not [button for button in page.iter("button") if "Decline" in button.text_content()]

    def test_of_another_lead_is_not_chosen_here(self, sold, anonymous):
        page = anonymous.page(private(sold))
        form = next(form for form in page.forms if (form.action or "").endswith("/share"))
        said = anonymous.post(form.action, data=dict(form.form_values()) | {"reward_id": "reward_x"})
        assert (said.status_code, share().choice) == (422, None)

    def test_given_by_the_business_is_noted_on_the_leads_page(self, sold, wes, anonymous, as_user, work, later):
        anonymous.submit(private(sold), press="Give it to the animal shelter")
        later(days=31)
        work()
        end_reading()
        owed = db.session.query(RewardInKind).filter(RewardInKind.reward_id.is_not(None)).one().id
        said = as_user(wes).submit(f"/leads/{sold.id}", {"receipt": "https://shelter.example/7"}, action=f"{owed}/fulfilment")
        assert "Noted as done" in said.text
        assert share().state is RewardState.VOIDED
        assert "https://shelter.example/7" in words_of(anonymous.page(private(sold)))


class TestNotMoney:
    def test_goes_from_owed_to_thanked_for_on_both_sides_pages(self, sold, ana, wes, as_user):
        wes_at, ana_at = as_user(wes), as_user(ana)
        assert "You owe, not in money" in words_of(wes_at.page(f"/dashboard/business/{sold.business_id}"))
        assert "Owed to you, not in money" in words_of(ana_at.page("/dashboard/referrer"))
        assert "Next: Say how to have it." in words_of(wes_at.page(f"/leads/{sold.id}"))
        wes_at.submit(f"/leads/{sold.id}", {"offer": "Ask for Mo at the desk."}, action="/offer")
        said, theirs = words_of(ana_at.page(f"/leads/{sold.id}")), words_of(wes_at.page(f"/leads/{sold.id}"))
        assert "Ask for Mo at the desk." in said and "Take it up as the business says" in said
        assert "They take it up as you said" in theirs and "Offered by you" in theirs
        wes_at.submit(f"/leads/{sold.id}", {"receipt": "Handed over on Friday"}, action="/fulfilment")
        assert "Thank you said" in ana_at.submit(f"/leads/{sold.id}", press="Say thank you").text
        assert thing().state is KindState.ACKNOWLEDGED
        assert "Thanked" in words_of(ana_at.page("/rewards"))

    @pytest.mark.parametrize(("press", "state"), [
        ("No, thank you", KindState.DECLINED), ("They owe me nothing", KindState.FORGIVEN)])
    def test_is_let_go(self, sold, ana, as_user, press, state):
        as_user(ana).submit(f"/leads/{sold.id}", press=press)
        assert thing().state is state

    def test_for_the_buyer_is_thanked_for_on_the_private_page(self, westside, ana, mona, wes, as_user, anonymous):
        bounty = make_bounty(westside, is_live=True, rules=[flat(100_000), {**WINE, "whom": For.BUYER}])
        lead = consent(accept(point(bounty, ana), by=mona))
        win(lead)
        as_user(wes).submit(f"/leads/{lead.id}", {"receipt": "Handed over"}, action="/fulfilment")
        assert "They are told" in anonymous.submit(private(lead), press="Say thank you").text
        assert thing().state is KindState.ACKNOWLEDGED


def test_nobody_has_earned_anything_yet(ana, as_user):
    assert "Nothing earned yet" in words_of(as_user(ana).page("/rewards"))


def test_sums_stay_apart_from_the_buyers(sold, ana, as_user):
    """$200 and $1,000 are Ana's; the buyer's $50 is not."""
    assert "Held $1,200" in words_of(as_user(ana).page("/rewards"))


def test_the_list_of_leads_shows_the_referrers_own_rewards_alone(sold, ana, as_user):
    for page in ("/leads", "/dashboard/referrer"):
        said = words_of(as_user(ana).page(page))
        assert "$1,000" in said and "$50" not in said.replace("$50,", ""), page


def test_a_sale_is_previewed_under_its_caps(westside, ana, mona, wes, as_user):
    bounty = make_bounty(westside, is_live=True, funded_for=3, rules=[flat(100_000)], cap_per_referrer_minor=150_000)
    win(consent(accept(point(bounty, ana), by=mona), email="one@example.com"))
    second = consent(accept(point(bounty, ana), by=mona), email="two@example.com")
    browser = as_user(wes)
    page = browser.page(f"/leads/{second.id}")
    form = next(form for form in page.forms if (form.action or "").endswith("/sale"))
    shown = browser.post(f"/leads/{second.id}/sale/preview", data=dict(form.form_values()) | {"amount": "30000"}, follow_redirects=True)
    assert "The referrer gets $500" in " ".join(html.fromstring(shown.text).text_content().split())


def test_what_was_paid_may_be_followed_by_more(sold, ana, mona):
    def pay():
        reward = db.session.query(Reward).filter_by(part=ConversionKind.SALE, whom=For.REFERRER).one()
        for state in (RewardState.PAYABLE, RewardState.SCHEDULED, RewardState.PAID):
            move_reward(reward, state, by=mona.id)

    do(pay)
    said = next_step(again(sold), Audience.REFERRER, rewards_of_lead(again(sold)))
    assert "may still earn more" in said


@pytest.mark.parametrize(("said", "field"), [
    ({"own_percent": "a half", "email_1": "tom@example.com", "percent_1": "50"}, "own_percent"),
    ({"own_percent": "33.333", "email_1": "tom@example.com", "percent_1": "50"}, "own_percent"),
    ({"own_percent": "50", "email_1": "tom@example.com"}, "email_1"), ({"own_percent": "50", "percent_2": "50"}, "email_2"),
])
def test_half_a_row_or_an_odd_percentage_is_asked_for_again(said, field):
    with pytest.raises(ValidationError) as refused:
        SplitForm().load(said)
    assert list(refused.value.messages) == [field]
