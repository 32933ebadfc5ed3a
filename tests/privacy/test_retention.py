"""What is kept of people goes by itself when its time is over; nothing goes before, and nothing else with it."""
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from marketplace.bounties.models import For, Happening
from marketplace.foundation import clock as product_clock
from marketplace.foundation import outbox
from marketplace.foundation.db import db, rows_of, transaction
from marketplace.foundation.idempotency import ApiAnswer
from marketplace.identity.api_keys import create_key, revoke_key
from marketplace.identity.models import ApiKey, User
from marketplace.payments import ledger
from marketplace.privacy import kinds
from marketplace.privacy.retention import erase_due
from marketplace.privacy.untold import forget_untold, look, untold
from marketplace.referrals import legal_clocks
from marketplace.referrals.asking import end_protection
from marketplace.referrals.buyers_share import decline_share, shares_of_buyer
from marketplace.referrals.consent import refuse_consent
from marketplace.referrals.disputes.ending import end_withdrawn
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.models import Buyer, DisputeKind, KnownContact, LeadSignature, Moderation, Stage
from marketplace.referrals.queries import consents_of, rewards_of_lead
from marketplace.referrals.sharing import propose_split
from marketplace.referrals.stages import change_stage
from tests import factories as make
from tests.privacy.conftest import MAIL, NAME, SAID, buyer_of, lead_of
from tests.privacy.everything import places_of
from tests.referrals.steps import do

DAY = timedelta(days=1)
LONG_TEXT = f"{SAID}, and so does everybody who has ever seen the old one; it has to carry two kids, a dog and a boat."


def _ended(buyer_email=MAIL):
    """The buyer said no; nothing follows."""
    lead = make.accept(make.make_lead(quote=SAID, text=LONG_TEXT, buyer_name=NAME, buyer_email=buyer_email))
    do(refuse_consent, lead)
    return lead


def test_a_lead_that_ended_loses_first_the_address_then_the_post(app, clock):
    lead = _ended()
    clock.move(kinds.CONTACT.after - DAY)
    do(erase_due)
    assert buyer_of(lead.id).email == MAIL
    clock.move(2 * DAY)
    do(erase_due)
    assert places_of(NAME, MAIL) == {"evidence.quote", "evidence.text"} and buyer_of(lead.id).email_hash is None
    clock.move(kinds.POST.after - kinds.CONTACT.after)
    do(erase_due)
    assert places_of(NAME, MAIL, SAID) == set()
    kept = lead_of(lead.id)
    assert (kept.moderation, kept.buyer_hash, kept.post_hash) == (Moderation.EXPIRED, None, None)
    assert db.session.query(LeadSignature).count() == 0 and db.session.execute(text("SELECT * FROM lead_bands")).all() == []


@pytest.mark.once
def test_what_is_looked_at_rests_and_what_is_disputed_does_not(app, clock, as_user):
    lead, mona = _ended(), make.make_user("Mona Lind", is_admin=True)
    clock.move(kinds.CONTACT.after)
    as_user(mona).page(f"/leads/{lead.id}")
    clock.move(DAY)
    do(erase_due)
    assert buyer_of(lead.id).email is None
    david = make.consent(make.accept(make.make_lead(buyer_name=NAME)), email=MAIL)
    do(open_dispute, david, DisputeKind.DATA_MISUSE, by=None, text="They sent me adverts for boats.")
    with transaction():
        lead_of(david.id).moderation  # noqa: B018
        db.session.execute(update(rows_of(type(david))).where(type(david).id == david.id).values(moderation="expired"))
    clock.move(timedelta(days=400))
    do(erase_due)
    assert buyer_of(david.id).email == MAIL


def test_a_sale_keeps_its_buyer_until_its_last_reward_has_rested(app, clock, work):
    bounty = make.make_bounty(is_live=True)
    lead = make.consent(make.accept(make.make_lead(bounty, quote=SAID)), email=MAIL)
    make.win(lead)
    clock.move(timedelta(days=30))
    work()
    do(erase_due)
    assert buyer_of(lead.id).email == MAIL, "the reward is not paid"
    with transaction():
        for reward in rewards_of_lead(lead):
            db.session.execute(update(rows_of(type(reward))).values(state="paid"))
    clock.move(kinds.SOLD_RESTS - DAY)
    do(erase_due)
    assert buyer_of(lead.id).email == MAIL
    clock.move(2 * DAY)
    do(erase_due)
    assert places_of(MAIL, SAID) == set()
    assert ledger.check_ledger() == [] and lead_of(lead.id).buyer_hash, "nobody is paid twice for one buyer"
    assert consents_of(lead_of(lead.id))[0].subject_hash
    clock.move(kinds.CONSENT.after)
    do(erase_due)
    assert consents_of(lead_of(lead.id))[0].subject_hash is None


@pytest.mark.once
def test_answers_keys_lists_shares_and_done_jobs_go_in_their_time(app, clock):
    ana, business = make.make_user(), make.make_business()
    lead = make.review_lead(make.make_lead(make.make_bounty(business, is_live=True), by=ana))
    with transaction():
        key, _ = create_key(ana, name="Old", scopes=["leads:read"], days=None)
        revoke_key(key, by=ana)
        create_key(ana, name="New", scopes=["leads:read"], days=None)
        propose_split(lead, by=ana, own_bps=5_000, others=[("tom@quillfeather.example", 5_000)])
        db.session.add(ApiAnswer(owner_id=ana.id, key="k", fingerprint="f", status=201, body="{}"))
        db.session.add(KnownContact(business_id=business.id, hash="h"))
        outbox.promise("read_offers")
        outbox.promise("read_offers", key="once")
    with transaction():
        db.session.execute(update(rows_of(outbox.OutboxMessage)).values(done_at=product_clock.now()))
        db.session.execute(update(rows_of(type(lead))).values(moderation="withdrawn"))
    clock.move(kinds.ANSWERS.after - DAY)
    do(erase_due)
    assert db.session.query(ApiAnswer).count() == 1 and places_of("tom@quillfeather.example")
    clock.move(timedelta(days=100))
    do(erase_due)
    assert db.session.query(ApiAnswer).count() == 0 and places_of("tom@quillfeather.example") == set()
    assert [one.name for one in db.session.query(ApiKey)] == ["New"]
    assert {one.key for one in db.session.query(outbox.OutboxMessage).filter_by(job="read_offers")} == {"once"}
    assert db.session.query(KnownContact).count() == 1
    clock.move(kinds.KNOWN.after)
    do(erase_due)
    assert db.session.query(KnownContact).count() == 0


@pytest.mark.once
def test_more_than_fits_at_once_is_promised_anew(app, clock, monkeypatch):
    monkeypatch.setattr("marketplace.privacy.retention.AT_ONCE", 1)
    for number in range(2):
        with transaction():
            db.session.add(ApiAnswer(owner_id="o", key=f"k{number}", fingerprint="f", status=201, body="{}"))
    clock.move(kinds.ANSWERS.after + DAY)
    do(erase_due)
    assert db.session.query(outbox.OutboxMessage).filter_by(job="erase_due").count() == 1


class TestTheClocksOfTheLaw:
    def test_our_mail_tells_the_buyer_once_it_is_sent(self, app, work):
        lead = make.accept(make.make_lead(buyer_email=MAIL))
        assert buyer_of(lead.id).told_at is None
        work()
        assert buyer_of(lead.id).told_how == "mail" and buyer_of(lead.id).disclosed_at is None

    @pytest.mark.once
    def test_an_answer_shows_that_they_know(self, david):
        assert buyer_of(david.yes).told_how == "answer" and buyer_of(david.yes).disclosed_at

    @pytest.mark.once
    def test_a_month_is_a_month_of_the_calendar(self, app):
        day = product_clock.now().replace(month=1, day=31)
        assert legal_clocks.told_by(day).day == 28 and legal_clocks.told_by(day.replace(month=12)).month == 1

    def test_who_could_not_be_told_is_forgotten_before_the_month_is_over(self, app, clock, work, mailbox, as_user):
        ana = make.make_user()
        asked, told = make.accept(make.make_lead(quote=SAID, by=ana)), make.accept(make.make_lead(buyer_email="t@example.com"))
        waits = make.review_lead(make.make_lead(quote=SAID, by=ana))
        with transaction():
            for one in (asked, waits):  # Both are drawn out for longer than they would be.
                for message in db.session.query(outbox.OutboxMessage):
                    if message.arguments.get("lead_id") == one.id:
                        message.done_at = product_clock.now()
        work()
        clock.move(timedelta(days=27))
        do(forget_untold)
        work()
        assert places_of(SAID) == {"evidence.quote", "evidence.text"}
        clock.move(timedelta(days=2))
        assert not any(one.is_overdue for one in look(list(db.session.scalars(untold()))))
        do(forget_untold)
        work()
        assert places_of(SAID) == set()
        assert (lead_of(asked.id).moderation, lead_of(waits.id).moderation) == (Moderation.EXPIRED, Moderation.REJECTED)
        assert ledger.check_ledger() == [] and buyer_of(told.id).erased_at is None
        assert buyer_of(asked.id).erased_why == "the buyer could not be told"
        page = as_user(ana).get(f"/leads/{waits.id}").text
        told = str(mailbox.last_to(ana.email).get_body(("plain",)))
        for words in (page, told):  # Nobody said no, and nothing is left for an appeal.
            assert "We did not decide in time." in words and "does not want" not in words and "you can appeal" not in words
        assert "so nobody can look at it again" in page and "You may appeal" not in page
        again = len(mailbox.all())
        do(forget_untold)
        work()
        assert len(mailbox.all()) == again

    @pytest.mark.once
    def test_what_a_dispute_needs_waits_for_its_end(self, app, clock, work):
        ana, bounty = make.make_user(), make.make_bounty(is_live=True)
        make.consent(make.accept(make.make_lead(bounty, buyer_email=MAIL)), email=MAIL)
        second = make.make_lead(bounty, by=ana, quote=SAID, buyer_email=MAIL)
        clock.move(timedelta(days=26))
        dispute = do(open_dispute, lead_of(second.id), DisputeKind.DUPLICATE_OWNERSHIP, by=ana,
                     text="I pointed at them long before anybody else did.")
        clock.move(timedelta(days=3))
        do(forget_untold)
        work()
        assert SAID in lead_of(second.id).evidence.quote and dispute.statements[0].text
        do(end_withdrawn, dispute, by=ana.id)
        do(forget_untold)
        work()
        assert places_of(SAID) == set()

    @pytest.mark.once
    def test_admins_see_who_does_not_know_yet(self, app, clock, as_user):
        lead, mona = make.review_lead(make.make_lead()), make.make_user("Mona Lind", is_admin=True)
        clock.move(timedelta(days=40))
        page = as_user(mona).get("/admin/privacy").text
        assert lead.id in page and "Overdue" in page
        with transaction():
            db.session.execute(update(rows_of(Buyer)).values(told_at=product_clock.now(), told_how="mail"))
        assert "Everybody knows" in as_user(db.session.get_one(User, mona.id)).get("/admin/privacy").text


def test_a_lead_that_ended_keeps_its_buyer_while_they_have_a_share_to_choose(app, clock):
    rules = [make.flat(100_000), make.flat(5_000, happening=Happening.QUALIFIED, whom=For.BUYER)]
    lead = make.consent(make.accept(make.make_lead(make.make_bounty(is_live=True, rules=rules))), email=MAIL)
    do(change_stage, lead, Stage.QUALIFIED, by=make.owner_of(lead.business))
    clock.move(timedelta(days=160))
    do(end_protection, lead.id)
    assert lead_of(lead.id).moderation is Moderation.EXPIRED
    clock.move(kinds.POST.after + DAY)
    do(erase_due)
    assert buyer_of(lead.id).email == MAIL, "without it nobody could take the share"
    do(decline_share, shares_of_buyer(lead_of(lead.id))[0])
    do(erase_due)
    assert buyer_of(lead.id).email is None
