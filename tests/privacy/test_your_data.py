"""A buyer sees what is kept about them, takes it along, takes a yes back, and has it erased."""
import csv
import io
import json
from datetime import date
from urllib.parse import urlsplit

import pytest

from marketplace.bounties.models import For
from marketplace.foundation.crypto import EncryptedBytes, EncryptedText
from marketplace.foundation.db import Base, db, transaction
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind, LedgerEntry
from marketplace.privacy.buyers import erase_as_wished, erase_buyer
from marketplace.privacy.erasing import proof_of
from marketplace.privacy.kinds import columns_of
from marketplace.referrals.appeals import NotRefused, appeal_decision
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.buyers_share import decline_share, shares_of_buyer
from marketplace.referrals.consent import give_consent
from marketplace.referrals.data_link import LINK_LASTS
from marketplace.referrals.disputes.ending import end_withdrawn
from marketplace.referrals.models import (
    Channel,
    Consent,
    Dispute,
    DisputeKind,
    DisputeStatement,
    EvidenceFile,
    Moderation,
    Stage,
    Suppression,
)
from marketplace.referrals.queries import consents_of, rewards_of_lead
from marketplace.referrals.stages import change_stage
from marketplace.referrals.suppression import Suppressed, hash_email
from marketplace.referrals.timeline import tell_story
from tests import factories as make
from tests.browsing import body_of, words_of
from tests.privacy.conftest import MAIL, NAME, PHONE, SAID, buyer_of, lead_of
from tests.privacy.everything import BUYERS, places_of, plant
from tests.referrals.steps import actions_on, do


def test_the_page_says_who_pointed_who_has_what_and_who_looked(david, anonymous):
    words = words_of(anonymous.page(david.page))
    for said in (NAME, MAIL, PHONE, SAID, "Ana Flores", "Westside Auto", "Eastside Auto", "by e-mail, until 31 Jan 2027"):
        assert said in words
    assert "Westside Auto can reach you" in words and words.count("Nobody can reach you through this") == 1
    assert "Westside Auto" in words.partition("Who looked, and when")[2].partition("Take my yes back")[0]


def test_every_mail_to_a_buyer_has_the_link_and_so_has_their_private_page(david, work, mailbox, anonymous):
    work()
    private = anonymous.page(mailbox.link_to(MAIL, "/buyer/"))
    assert [link for link in private.xpath("//main//a/@href") if "/your-data/" in link]
    passed_on = anonymous.page(buyer_link(lead_of(david.yes)).removeprefix("http://localhost"))
    assert [link for link in passed_on.xpath("//main//a/@href") if "/your-data/" in link] == [], "it proves nothing"
    mails = mailbox.to(MAIL)
    assert len(mails) == 2
    assert [mail["Subject"] for mail in mails if "/your-data/" not in body_of(mail)] == []


@pytest.mark.once
def test_typing_an_address_never_says_whether_it_is_known(david, anonymous, work, mailbox, clock):
    work()
    before = len(mailbox.all())
    known = anonymous.submit("/your-data", {"email": MAIL})
    unknown = anonymous.submit("/your-data", {"email": "nobody@quillfeather.example"})
    anonymous.submit("/your-data", {"email": MAIL})
    work()
    assert known.text.replace(MAIL, "") == unknown.text.replace("nobody@quillfeather.example", "")
    assert len(mailbox.all()) == before + 1
    assert anonymous.get(mailbox.link_to(MAIL, "/your-data/")).status_code == 200


@pytest.mark.once
def test_the_link_dies_with_its_time_and_with_a_changed_letter(david, anonymous, clock):
    assert anonymous.get(david.page[:-2] + "xx").status_code == 410
    clock.move(LINK_LASTS)
    assert anonymous.get(david.page).status_code == 200
    clock.move(LINK_LASTS / 90)
    closed = anonymous.page(david.page, status=410)
    assert "Send me a new link" in words_of(closed)


@pytest.mark.once
def test_the_export_holds_the_same_as_json_and_csv(david, anonymous):
    told = json.loads(anonymous.get(f"{david.page}/export.json").text)
    assert {entry["to"] for entry in told["entries"]} == {"Westside Auto", "Eastside Auto"}
    given = next(entry for entry in told["entries"] if entry["to"] == "Westside Auto")
    assert given["contact"] == {"name": NAME, "email": MAIL, "phone": PHONE}
    assert given["consents"][0]["until"] == "2027-01-31"
    assert given["looked_at"][0]["by"] == "Westside Auto: how to reach you"
    rows = list(csv.DictReader(io.StringIO(anonymous.get(f"{david.page}/export.csv").text.removeprefix("\ufeff"))))
    assert {"entry": david.yes, "what": "contact.email", "value": MAIL} in rows
    assert {row["entry"] for row in rows} == {david.yes, david.asked}


@pytest.mark.once
def test_a_yes_is_taken_back_from_the_page(david, anonymous, work, mailbox):
    anonymous.submit(david.page, action="/withdrawal")
    assert lead_of(david.yes).consent is Consent.WITHDRAWN
    assert "Take my yes back" not in words_of(anonymous.page(david.page))
    other = make.accept(make.make_lead(buyer_email="other@example.com"))
    refused = anonymous.open(f"{david.page}/withdrawal", method="POST", data={"lead_id": other.id})
    assert refused.status_code in {400, 404} and lead_of(other.id).consent is Consent.ASKED


def test_erasing_leaves_no_word_of_the_buyer_anywhere(app, david, anonymous, work, mailbox):
    work()
    do(change_stage, lead_of(david.yes), Stage.LOST, by=db.session.get_one(User, david.wes), reason=f"{NAME} kept his old one.")
    do(change_stage, lead_of(david.yes), Stage.NEW, by=db.session.get_one(User, david.wes))
    entries = db.session.query(LedgerEntry).count()
    assert places_of(NAME, MAIL, PHONE, SAID) == {
        "buyers.name", "buyers.email", "buyers.phone", "leads.how_known", "evidence.quote", "evidence.text", "lead_words.text"}
    assert f"{NAME} kept his old one." in str(tell_story(lead_of(david.yes), Audience.BUYER))
    page = words_of(anonymous.page(f"{david.page}/erasure"))
    assert "What stays, and why" in page
    anonymous.submit(f"{david.page}/erasure")
    assert places_of(NAME, MAIL, PHONE, SAID, hash_email(MAIL)) == {"suppressions.hash", "leads.buyer_hash"}
    assert ledger.check_ledger() == [] and db.session.query(LedgerEntry).count() == entries + 1, "what was reserved is free"
    yes, asked = lead_of(david.yes), lead_of(david.asked)
    assert (yes.consent, asked.consent) == (Consent.WITHDRAWN, Consent.REFUSED)
    assert (yes.moderation, asked.moderation) == (Moderation.ACCEPTED, Moderation.EXPIRED)
    assert asked.buyer_hash is None, "only a lead that still lives keeps its mark"
    assert "buyer.erased" in actions_on(david.yes)
    grant = consents_of(yes)[0]
    assert (grant.subject_hash, grant.until.isoformat()) == (proof_of(MAIL), "2027-01-31")
    shown = app.test_cli_runner().invoke(args=["find-yes", MAIL.upper()])
    assert "to Westside Auto" in shown.output and "taken back" in shown.output and shown.exit_code == 0
    assert app.test_cli_runner().invoke(args=["find-yes", "x@example.com"]).exit_code == 1
    assert anonymous.get(david.page).status_code == 410
    work()
    wes = db.session.get_one(User, david.wes)
    assert "Please erase what you copied" in body_of(mailbox.last_to(wes.email))


def test_nobody_can_point_at_them_again_if_they_wish_so(david, anonymous):
    anonymous.submit(f"{david.page}/erasure")
    with pytest.raises(Suppressed):
        make.make_lead(buyer_email=MAIL)
    assert db.session.get(Suppression, hash_email(MAIL))


def test_without_that_wish_no_mark_of_them_stays(david):
    do(erase_buyer, MAIL, never=False)
    assert db.session.query(Suppression).count() == 0
    assert make.make_lead(buyer_email=MAIL).moderation is Moderation.SUBMITTED


def test_erasing_twice_is_erasing_once(david, work, mailbox):
    do(erase_buyer, MAIL, never=True)
    work()
    trail, mails = actions_on(david.yes), len(mailbox.all())
    assert do(erase_buyer, MAIL, never=True).count == 0
    do(erase_as_wished)
    work()
    assert (actions_on(david.yes), len(mailbox.all())) == (trail, mails)


def test_a_share_that_waits_for_the_buyer_is_settled_first(app, work, anonymous):
    bounty = make.make_bounty(is_live=True, rules=[make.flat(100_000), make.flat(5_000, whom=For.BUYER)])
    lead = make.consent(make.accept(make.make_lead(bounty)), email=MAIL)
    make.win(lead)
    erased = do(erase_buyer, MAIL, never=False)
    assert (erased.count, set(erased.waiting)) == (0, {lead.id})
    assert buyer_of(lead.id).email == MAIL, "without it nobody could take the share"
    do(erase_as_wished)
    assert buyer_of(lead.id).erased_at is None
    do(decline_share, shares_of_buyer(lead_of(lead.id))[0])
    do(erase_as_wished)
    assert buyer_of(lead.id).email is None and buyer_of(lead.id).erased_why
    reward = next(one for one in rewards_of_lead(lead_of(lead.id)) if one.whom is For.REFERRER)
    assert ledger.find_balance(AccountKind.HELD, reward.id, "usd").minor == 105_000, "what Ana earns, with the fee"
    assert lead_of(lead.id).buyer_hash == hash_email(MAIL), "nobody is paid twice for one buyer"


@pytest.mark.once
def test_pages_of_an_erased_lead_still_open(david, as_user, anonymous):
    do(erase_buyer, MAIL, never=True)
    for person in (david.ana, david.wes, david.mona):
        user = db.session.get_one(User, person)
        for lead_id in (david.yes, david.asked):
            page = as_user(user).get(f"/leads/{lead_id}")
            assert page.status_code in ({200} if person != david.wes else {200, 404})
            assert "What was read here is erased" in page.text or person == david.wes
            assert "“”" not in page.text
    ana = as_user(db.session.get_one(User, david.ana))
    assert not [path for path in ("/dashboard/referrer", "/leads") if "“”" in ana.get(path).text]
    for lead_id in (david.yes, david.asked):
        closed = anonymous.get(urlsplit(buyer_link(lead_of(lead_id), MAILED)).path)
        assert closed.status_code == 410 and "What we kept of you is erased" in closed.text
        assert "Nobody has been given" not in closed.text and "wrong person" not in closed.text


@pytest.mark.once
def test_misuse_is_reported_and_becomes_a_dispute_that_the_business_answers(david, anonymous, work, mailbox):
    anonymous.submit(f"{david.page}/misuse/{david.yes}", {"text": "They put me on their newsletter about boats."})
    assert "newsletter about boats" in words_of(anonymous.page(david.page)) and "report of misuse" in anonymous.get(
        f"{david.page}/export.json").text
    dispute = db.session.query(Dispute).one()
    assert (dispute.kind, dispute.lead_id, dispute.claimant_side) == (DisputeKind.DATA_MISUSE, david.yes, "buyer")
    twice = anonymous.submit(f"{david.page}/misuse/{david.yes}", {"text": "They put me on their newsletter again."})
    assert twice.status_code == 409 and db.session.query(Dispute).count() == 1
    erased = do(erase_buyer, MAIL, never=False)
    assert set(erased.waiting) == {david.yes} and "dispute" in erased.waiting[david.yes]
    with transaction():
        end_withdrawn(db.session.get_one(Dispute, dispute.id), by="buyer")
    do(erase_as_wished)
    assert places_of(MAIL, "newsletter") == set()


@pytest.mark.once
def test_the_buyer_reads_that_a_moderator_looked(david, as_user, anonymous):
    as_user(db.session.get_one(User, david.mona)).get(f"/leads/{david.yes}")
    assert "A moderator of Fingerpost" in words_of(anonymous.page(david.page))


@pytest.mark.once
def test_the_buyer_reads_that_the_business_read_the_post_and_not_that_the_referrer_did(david, as_user, anonymous):
    for person in (david.ana, david.wes):
        as_user(db.session.get_one(User, person)).get(f"/leads/{david.yes}")
    page = words_of(anonymous.page(david.page))
    assert "Westside Auto: your post" in page and "Westside Auto: how to reach you" in page
    assert actions_on(david.yes).count("post.opened") == 1


def test_an_address_that_somebody_else_typed_goes_and_the_lead_waits_for_its_own_buyer(app, anonymous, work, mailbox):
    lead = make.accept(make.make_lead(quote=SAID))
    with transaction():
        give_consent(lead, name="A Stranger", email=MAIL, channel=Channel.EMAIL, until=date(2026, 12, 1), proven=False)
    work()
    link = mailbox.link_to(MAIL, "/your-data/")
    page = words_of(anonymous.page(link))
    assert "Somebody gave your address" in page and SAID not in page
    anonymous.submit(f"{link}/erasure")
    assert places_of(MAIL, "A Stranger", hash_email(MAIL)) == {"suppressions.hash"}
    assert (lead_of(lead.id).consent, lead_of(lead.id).evidence.quote) == (Consent.ASKED, SAID)
    assert buyer_of(lead.id).told_at is None, "the law's month of whoever wrote the post runs on"
    with transaction():
        give_consent(lead_of(lead.id), name=NAME, email="own@example.com", channel=Channel.EMAIL,
                     until=date(2026, 12, 1), proven=False)


@pytest.mark.once
def test_what_is_erased_cannot_be_appealed(david):
    lead = make.review_lead(make.make_lead(buyer_email="b@example.com"))
    do(erase_buyer, "b@example.com", never=False)
    assert lead_of(lead.id).moderation is Moderation.REJECTED
    with pytest.raises(NotRefused, match="erased"):
        do(appeal_decision, lead_of(lead.id), by=lead_of(lead.id).referrer, why="He told me so")


def test_every_column_of_the_list_is_emptied(david):
    """Rows of every table that may hold something of a buyer, each with a word of theirs in every column."""
    plant(lead_of(david.yes), lambda place: SAID, admin_id=david.mona)
    encrypted = {f"{table}.{name}" for table, names in columns_of(*BUYERS).items() for name in names
                 if isinstance(Base.metadata.tables[table].c[name].type, EncryptedText | EncryptedBytes)}
    # Of no lead: an event of a business's own Stripe names somebody for the minutes until it is handled; a file goes whole.
    of_no_lead = {"rewards_in_kind.offer", "stripe_door_events.who", "uploads.file_name", "upload_parts.content", "upload_parts.outcomes"}
    assert encrypted - places_of(SAID, MAIL) <= of_no_lead, "a column that the test does not fill"
    do(erase_buyer, MAIL, never=False)
    assert places_of(SAID, MAIL) == set()
    assert db.session.query(EvidenceFile).count() == 0 and db.session.query(DisputeStatement).count() == 1
