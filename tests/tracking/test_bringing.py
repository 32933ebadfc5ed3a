"""Coming from another programme: its partners are invited when the business says so, keep their codes, find their history."""
import pytest

from marketplace.foundation.db import db, transaction
from marketplace.payments.models import LedgerEntry
from marketplace.privacy.retention import partners_never_agreed
from marketplace.referrals.models import Reward
from marketplace.referrals.suppression import hash_email, suppress
from marketplace.tracking.models import InvitationState, PartnerInvitation, PastReward, ReferralLink
from marketplace.tracking.partners.inviting import MOST_A_DAY, EnoughForToday, invitation_link, invite_partners
from marketplace.tracking.uploads.columns import guess_columns
from marketplace.tracking.uploads.partner_rows import COLUMNS as PARTNER_COLUMNS
from marketplace.tracking.uploads.partner_rows import wanted_code
from marketplace.tracking.uploads.past_reward_rows import COLUMNS as PAST_COLUMNS
from tests import factories as make
from tests.browsing import end_reading, words_of
from tests.tracking.report_steps import link
from tests.tracking.upload_steps import came_of, checked, rows_of, taken

PARTNERS = ("First name,Last name,Email,Token\nPia,Lund,pia@example.com,PIA-2020\nTom,Ode,TOM@example.com,\n"
            "Pia,Lund,Pia@example.com,OTHER\nNo,Body,nobody,\nUma,Ray,uma@example.com,https://shop.example/?via=pia-2020\n")
HISTORY = "id,Affiliate email,Created at,Amount,Currency,State\nc1,pia@example.com,2025-03-04,120.50,USD,paid\nc2,pia@example.com,soon,1,USD,due\n"


@pytest.fixture
def bounty(app):
    return make.make_bounty(is_live=True)


@pytest.mark.once
@pytest.mark.parametrize(("heading", "places"), [
    # As the public documents of PartnerStack, Rewardful, FirstPromoter and Tolt name them: docs/bringing.md.
    ("partner_first,partner_last,partner_email,partner_key,partner_group,partner_joined_date", {"first_name": 0, "last_name": 1, "email": 2, "code": 3}),
    ("stripe_customer_id,first_name,last_name,email,paypal_email,wise_email,token", {"first_name": 1, "last_name": 2, "email": 3, "code": 6}),
    ("id,email,name,status,default_ref_id,clicks_count", {"email": 1, "name": 2, "code": 4}),
    ("id,first_name,last_name,email,status,param,value", {"first_name": 1, "last_name": 2, "email": 3, "code": 6})])
def test_the_columns_of_the_programmes_are_known(heading, places):
    assert guess_columns(heading.split(","), PARTNER_COLUMNS, {}) == places


@pytest.mark.once
@pytest.mark.parametrize("heading", [
    "reward_key,partner_email,amount,currency,created_at,reward_status", "id,affiliate email,created_at,amount,currency,state",
    "id,promoter_email,created_at,amount,currency,status", "id,partner_email,created_at,amount,currency,status"])
def test_the_columns_of_what_was_earned_there_are_known(heading):
    assert set(guess_columns(heading.split(","), PAST_COLUMNS, {})) == {"email", "day", "amount", "external_id", "currency", "state"}


@pytest.mark.once
@pytest.mark.parametrize(("cell", "code"), [
    ("ana-shop", "ANA-SHOP"), ("https://x.example/?via=ana", "ANA"), ("www.x.example/r/Ána-5", "NA-5"), ("", None), ("ab", None), ("=cmd()", "CMD"),
    ("x" * 50, None)])
def test_a_code_is_taken_as_it_was_said(cell, code):
    assert wanted_code(cell) == code


class TestBringing:
    def test_each_row_says_what_would_come_of_it_and_nobody_is_written_to(self, bounty, work, mailbox):
        upload = taken(bounty.business, PARTNERS, work, purpose="partners", programme="rewardful")
        assert came_of(upload) == {2: "kept", 3: "kept", 4: "repeated", 5: "unreadable", 6: "kept"}
        assert "go on saying PIA-2020" in rows_of(upload)[2].why and "another one" in rows_of(upload)[6].why
        assert {one.state for one in db.session.query(PartnerInvitation)} == {InvitationState.BROUGHT}
        assert not mailbox.to("pia@example.com")
        assert came_of(checked(bounty.business, PARTNERS, work, purpose="partners"))[2] == "before"

    def test_a_code_that_somebody_has_is_not_promised(self, bounty, work):
        spoken = link(bounty, make.make_user()).spoken
        upload = checked(bounty.business, f"email,code\np@example.com,{spoken.lower()}\n", work, purpose="partners")
        assert "another one" in rows_of(upload)[2].why

    def test_invited_by_a_click_they_say_yes_and_keep_their_code(self, bounty, work, mailbox, as_user, anonymous):
        taken(bounty.business, PARTNERS, work, purpose="partners", programme="rewardful")
        taken(bounty.business, HISTORY, work, purpose="past_rewards", programme="rewardful")
        with_never("uma@example.com")
        owner = as_user(make.owner_of(bounty.business))
        owner.submit(f"/businesses/{bounty.business_id}/partners", {"bounty": bounty.id})
        work()
        work()
        [mail] = mailbox.to("pia@example.com")
        assert "PIA-2020" in mail.get_body().get_content() and not mailbox.to("uma@example.com")
        path = "/invitation/" + invitation_link(of("pia@example.com")).rpartition("/")[2]
        said = words_of(anonymous.page(path))
        assert "$120.50" in said and "pays nothing here" in said and "Rewardful" in said
        pia = make.make_user("Pia Lund", email="pia@example.com")
        as_user(pia).submit(path, action="/acceptance")
        end_reading()
        invitation = of("pia@example.com")
        assert (invitation.state, invitation.user_id) == (InvitationState.ACCEPTED, pia.id)
        assert db.session.query(ReferralLink).filter_by(referrer_id=pia.id).one().spoken == "PIA-2020"

    def test_whoever_says_no_is_left_alone(self, bounty, work, mailbox, as_user, anonymous):
        taken(bounty.business, PARTNERS, work, purpose="partners")
        owner = as_user(make.owner_of(bounty.business))
        owner.submit(f"/businesses/{bounty.business_id}/partners", {"bounty": bounty.id})
        work()
        path = "/invitation/" + invitation_link(of("tom@example.com")).rpartition("/")[2]
        assert "You said no" in words_of(anonymous.page(anonymous.submit(path, action="/refusal").request.path))
        assert not owner.page(f"/businesses/{bounty.business_id}/partners").xpath("//button[contains(., 'Send the invitations')]")
        assert len(mailbox.to("tom@example.com")) == 1

    def test_who_was_written_to_gets_no_second_mail_by_being_removed_and_brought_anew(self, bounty, work, as_user, later):
        owner, path = as_user(make.owner_of(bounty.business)), f"/businesses/{bounty.business_id}/partners"
        taken(bounty.business, PARTNERS, work, purpose="partners")
        owner.submit(path, {"bounty": bounty.id})
        work()
        owner.submit(path, action=f"/invitations/{of('tom@example.com').id}/removal")
        assert came_of(checked(bounty.business, PARTNERS, work, purpose="partners"))[3] == "before"
        assert (of("tom@example.com").name, of("tom@example.com").email) == ("", "")
        later(days=181)
        with transaction():
            partners_never_agreed()
        assert not db.session.query(PartnerInvitation).filter_by(email_hash=hash_email("tom@example.com")).count()

    @pytest.mark.once
    def test_a_thousand_strangers_a_day_are_written_to_at_most(self, bounty, later):
        owner = make.owner_of(bounty.business)
        with transaction():
            db.session.add_all(PartnerInvitation(
                business_id=bounty.business_id, programme="other", name="", email="x@example.com", email_hash=f"mark {number}")
                for number in range(MOST_A_DAY + 3))

        def invite():
            end_reading()
            with transaction():
                return invite_partners(bounty.business, db.session.merge(bounty, load=False), by=owner)

        assert invite() == MOST_A_DAY
        with pytest.raises(EnoughForToday):
            invite()
        later(days=1, hours=1)
        assert invite() == 3

    def test_what_was_earned_elsewhere_is_history_and_pays_nothing(self, bounty, work):
        entries = db.session.query(LedgerEntry).count()
        upload = taken(bounty.business, HISTORY, work, purpose="past_rewards", programme="rewardful")
        assert came_of(upload) == {2: "kept", 3: "unreadable"}
        assert came_of(taken_again(bounty, work)) == {2: "before", 3: "unreadable"}
        [past] = db.session.query(PastReward)
        assert (past.amount_minor, past.said, past.partner_hash) == (12_050, "paid", hash_email("pia@example.com"))
        assert db.session.query(Reward).count() == 0 and db.session.query(LedgerEntry).count() == entries

    def test_removed_or_silent_they_are_forgotten(self, bounty, work, later, as_user):
        taken(bounty.business, PARTNERS, work, purpose="partners")
        taken(bounty.business, HISTORY + "c3,only@example.com,2025-03-04,1,USD,due\n", work, purpose="past_rewards")
        as_user(make.owner_of(bounty.business)).submit(
            f"/businesses/{bounty.business_id}/partners", action=f"/invitations/{of('pia@example.com').id}/removal")
        later(days=181)
        with transaction():
            assert partners_never_agreed() == 2
        assert {(one.name, one.email, one.state.value) for one in db.session.query(PartnerInvitation)} == {("", "", "removed")}
        assert [(one.partner_hash, one.amount_minor) for one in db.session.query(PastReward)] == [("removed", 12_050), ("removed", 100)]


def of(email):
    end_reading()
    return db.session.query(PartnerInvitation).filter_by(email_hash=hash_email(email)).one()


def with_never(email):
    end_reading()
    with transaction():
        suppress(hash_email(email))


def taken_again(bounty, work):
    return checked(bounty.business, HISTORY, work, purpose="past_rewards", programme="rewardful")
