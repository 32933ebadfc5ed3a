"""Files and texts as evidence: taken whole or not at all, kept encrypted, given to few, and nothing in them runs."""
import io
from datetime import date

import pytest
from sqlalchemy import select, text

from marketplace.foundation.audit import events_about
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.foundation.given_files import read_given
from marketplace.referrals.buyer_letters import buyer_asked
from marketplace.referrals.evidence_files import MOST_OF_A_LEAD, TooManyFiles, files_of, get_file, has_given
from marketplace.referrals.fraud.signals import read_signals
from marketplace.referrals.models import EvidenceFile, EvidenceState, Lead, Moderation, ReasonCode
from marketplace.referrals.moderation import answer_info
from marketplace.referrals.post_age import NotYet, TooOld
from tests.factories import accept, consent, make_user
from tests.foundation.test_given_files import mail, pdf, picture
from tests.referrals.steps import PLAIN_QUOTE, actions_on, again, do, point

TYPED = {"quote": PLAIN_QUOTE, "acquaintance": "online", "how_known": "I read his blog."}
CLOSED = "https://www.facebook.com/david.brandt/posts/17"


def with_files(bounty, by, *contents: bytes, **given) -> Lead:
    return point(bounty, by, text=None, files=[read_given(content) for content in contents], **given)


@pytest.fixture
def shot(bounty, ana, work, keep_lead) -> Lead:
    """A lead with a screenshot and a mail, in review."""
    def build() -> Lead:
        found = with_files(bounty, ana, picture(), mail())
        work()
        return found
    return keep_lead("with files", build)


def test_files_alone_are_evidence_and_their_words_are_looked_through(shot):
    assert (shot.moderation, shot.evidence.state, shot.evidence.quote_found) == (Moderation.IN_REVIEW, EvidenceState.GIVEN, True)
    assert "From: David Brandt" in shot.evidence.text
    assert not shot.evidence.quote_prefix and not shot.evidence.quote_suffix  # No header of a mail stands beside the quote.
    assert [file.kind for file in files_of(shot)] == ["image", "email"]
    assert any("stands in a file" in signal.words for signal in read_signals(shot))


def test_no_byte_and_no_word_of_a_file_lies_open_in_the_database(shot):
    for content, words in db.session.execute(text("SELECT content, text FROM evidence_files")):
        assert b"WEBP" not in bytes(content) and b"market for a car" not in bytes(content)
        assert "market for a car" not in (words or "")


def test_the_pages_of_a_pdf_are_pictures_beside_it(bounty, ana):
    lead = with_files(bounty, ana, pdf("So it is decided. I am in the market for a car."))
    assert [file.kind for file in files_of(lead)] == ["pdf"]
    assert db.session.scalar(select(EvidenceFile.media_type).where(EvidenceFile.page_of_id.is_not(None))) == "image/webp"
    assert lead.evidence.quote_found


def test_a_closed_platform_is_never_dialled_and_what_was_given_stands_in(bounty, ana, work):
    lead = with_files(bounty, ana, picture(), url=CLOSED)
    work()
    assert (again(lead).evidence.state, again(lead).moderation) == (EvidenceState.GIVEN, Moderation.IN_REVIEW)
    assert again(lead).evidence.failure == "closed_platform"


def test_a_closed_platform_without_anything_else_is_a_question_that_a_screenshot_answers(bounty, ana, work):
    lead = point(bounty, ana, url=CLOSED)
    work()
    assert (again(lead).moderation, again(lead).reason_code) == (Moderation.NEEDS_INFO, ReasonCode.EVIDENCE_UNAVAILABLE)
    assert "Facebook" in again(lead).question and "screenshot" in again(lead).question
    do(answer_info, again(lead), by=ana, answer="Here it is.", files=[read_given(picture())])
    work()
    assert (again(lead).moderation, again(lead).evidence.state) == (Moderation.IN_REVIEW, EvidenceState.GIVEN)
    assert has_given(again(lead))


def test_more_files_than_anybody_reads_are_refused_whole(bounty, ana, work, shot):
    with pytest.raises(TooManyFiles):
        with_files(bounty, make_user("Bo Li"), *[picture(size=(20 + n, 20)) for n in range(4)])
    assert db.session.query(Lead).count() == 1
    assert MOST_OF_A_LEAD == 9


def test_a_file_is_for_who_gave_it_and_for_admins_and_never_for_the_business(shot, ana, wes, mona, as_user):
    [image, _] = files_of(shot)
    for person in (ana, mona):
        assert get_file(shot, image.id, by=person).content.startswith(b"RIFF")
    for person in (wes, make_user("Bo Li")):
        with pytest.raises(NotFound):
            get_file(shot, image.id, by=person)
    consent(accept(shot))
    with pytest.raises(NotFound):
        get_file(again(shot), image.id, by=wes)
    page = as_user(wes).get(f"/leads/{shot.id}").text
    assert shot.evidence.quote in page  # What the buyer said yes to, and no header of the mail around it.
    assert not [words for words in ("Files given", "/files/", "Subject:", "Date:") if words in page]


def test_of_words_that_were_given_the_buyer_is_not_told_that_a_post_was_read(bounty, ana, mona):
    [asked] = buyer_asked(accept(point(bounty, ana, buyer_email="david@example.com"), by=mona).id)
    assert "Ana Flores knows what you are looking for" in asked.text and "a post of yours" not in asked.text


def test_a_file_of_another_lead_is_not_there(bounty, shot, ana):
    other = point(bounty, make_user("Bo Li"), text="Somebody else is in the market for a car, far away from here.")
    with pytest.raises(NotFound):
        get_file(other, files_of(shot)[0].id, by=db.session.get_one(type(ana), other.referrer_id))


@pytest.mark.parametrize(("which", "path", "kind", "shown"), [
    (0, "/picture", "image/webp", "inline"), (0, "", "application/octet-stream", "attachment"),
    (1, "", "application/octet-stream", "attachment"), (1, "/picture", "application/octet-stream", "attachment"),
])
def test_a_file_is_sent_so_that_nothing_in_it_runs(shot, as_user, ana, which, path, kind, shown):
    file = files_of(shot)[which]
    answer = as_user(ana).get(f"/leads/{shot.id}/files/{file.id}{path}")
    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert answer.headers["Content-Disposition"].startswith(f'{shown}; filename="evidence-')
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("evidence.file_taken" in actions_on(shot.id)) is (shown == "attachment")


def test_a_look_at_a_picture_is_written_down_once_a_day_for_each_reader(shot, as_user, ana, mona, later):
    def look(person):
        answer = as_user(person).get(f"/leads/{shot.id}/files/{files_of(shot)[0].id}/picture")
        return answer.status_code, actions_on(shot.id).count("evidence.file_seen")

    assert [look(person) for person in (mona, mona, ana, mona)] == [(200, 1), (200, 1), (200, 2), (200, 2)]
    later(days=1)
    assert look(mona) == (200, 3)
    looks = [one for one in db.session.scalars(events_about(shot.id)) if one.action == "evidence.file_seen"]
    assert {one.details["file"] for one in looks} == {files_of(shot)[0].id} and [one.actor_id for one in looks] == [mona.id, ana.id, mona.id]


def test_the_page_shows_our_copies_and_no_stranger_is_given_them(shot, as_user, mona, wes):
    [image, letter] = files_of(shot)
    page = as_user(mona).get(f"/leads/{shot.id}").text
    assert f"/files/{image.id}/picture" in page and f'/files/{letter.id}"' in page and "not looked through for viruses" in page
    assert "No page was read that says when it was written" in page
    assert as_user(wes).get(f"/leads/{shot.id}/files/{image.id}/picture").status_code == 404


def test_the_form_takes_a_screenshot(bounty, ana, as_user):
    answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {
        **TYPED, "said_where": "In our parents’ group", "said_on": "2026-10-30", "files": [(io.BytesIO(picture()), "../../evil.exe")]}, follow=False)
    assert answer.status_code == 302
    lead = db.session.query(Lead).one()
    assert (lead.evidence.said_where, lead.evidence.said_on) == ("In our parents’ group", date(2026, 10, 30))
    assert [file.kind for file in files_of(lead)] == ["image"]
    page = as_user(ana).get(f"/leads/{lead.id}").text
    assert "In our parents’ group" in page and "evil" not in page


@pytest.mark.parametrize(("content", "says"), [
    (b"MZ not an image", "We take images"), (b"", "This file is empty"), (b"%PDF-1.7 cut", "cannot be read to its end"),
])
def test_a_refused_file_loses_nothing_that_was_typed(bounty, ana, as_user, content, says):
    answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {
        **TYPED, "said_where": "In our parents’ group", "files": [(io.BytesIO(picture()), "good.png"), (io.BytesIO(content), "bad.png")]})
    assert answer.status_code == 422
    assert says in answer.text and "In our parents’ group" in answer.text and PLAIN_QUOTE in answer.text
    assert db.session.query(Lead).count() == db.session.query(EvidenceFile).count() == 0


def test_the_answer_to_a_question_takes_files_too(bounty, ana, as_user, work):
    lead = point(bounty, ana, url=CLOSED)
    work()
    path = f"/leads/{lead.id}"
    refused = as_user(ana).submit(path, {"answer": "Here it is.", "files": [(io.BytesIO(b"MZ"), "a.png")]})
    assert refused.status_code == 422 and "Here it is." in refused.text and "We take images" in refused.text
    sent = as_user(ana).submit(path, {"answer": "Here it is.", "files": [(io.BytesIO(mail()), "a.eml")]}, follow=False)
    assert sent.status_code == 302
    work()
    assert again(lead).evidence.quote_found and again(lead).moderation is Moderation.IN_REVIEW


def test_what_was_said_long_ago_needs_a_reason_before_it_is_sent(bounty, ana):
    with pytest.raises(TooOld) as refusal:
        point(bounty, ana, said_on=date(2026, 9, 1))
    assert "30 days" in refusal.value.fields["age_reason"][0]
    with pytest.raises(NotYet):
        point(bounty, ana, said_on=date(2027, 1, 1))
    lead = point(bounty, ana, said_on=date(2026, 9, 1), age_reason="She told me again yesterday.")
    said = " ".join(signal.words for signal in read_signals(lead))
    assert "By the referrer’s word it was 62 days old" in said and "She told me again yesterday." in said


def test_of_each_mail_its_own_date_is_held_against_what_the_terms_ask_for(bounty, ana):
    old, undated = (mail().replace(b"Sat, 31 Oct 2026 07:00:00 +0000", day) for day in (b"Tue, 1 Sep 2026 07:00:00 GMT", b"long ago"))
    lead = with_files(bounty, ana, mail(), old, undated)
    mails = "By its own date a mail that was given was"
    assert [(one.tone, one.words) for one in read_signals(lead) if " old " in one.words] == [
        ("ok", f"{mails} 2 days old when it was pointed out."),
        ("warn", f"{mails} 62 days old when it was pointed out; these terms ask for 30 or fewer.")]


def test_a_post_found_to_be_old_is_a_question_once(bounty, ana, blog, work, later):
    later(days=40)
    lead = point(bounty, ana, url=blog.post())
    work()
    assert (again(lead).moderation, again(lead).reason_code) == (Moderation.NEEDS_INFO, ReasonCode.STALE_INTENT)
    do(answer_info, again(lead), by=ana, answer="He wrote to me on Monday that he still looks.", url=blog.post("/same"))
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW
    assert again(lead).evidence.age_reason.startswith("He wrote")


def test_a_reason_given_with_the_post_is_no_question(bounty, ana, blog, work, later):
    later(days=40)
    lead = point(bounty, ana, url=blog.post(), age_reason="He wrote to me on Monday that he still looks.")
    work()
    assert again(lead).moderation is Moderation.IN_REVIEW
