"""The post is read once and kept as it was; a page that cannot be read is a question, never a loss."""
from datetime import date

import pytest

from marketplace.referrals.evidence import Captured, keep_evidence, read_evidence
from marketplace.referrals.fraud.signals import read_signals
from marketplace.referrals.models import EvidenceState, Moderation, ReasonCode
from marketplace.referrals.moderation import answer_info
from marketplace.referrals.pages.evidence_text import mark_quote
from marketplace.referrals.pointing import withdraw_lead
from marketplace.referrals.rechecks import read_again
from tests.factories import make_user
from tests.referrals.conftest import POST, QUOTE
from tests.referrals.steps import actions_on, again, do, point


def test_a_read_post_is_kept_with_its_author_day_and_the_words_around_the_quote(bounty, ana, blog, work):
    lead = point(bounty, ana, url=blog.post())
    work()
    evidence = again(lead).evidence
    assert (evidence.state, evidence.quote_found) == (EvidenceState.CAPTURED, True)
    assert (evidence.author, evidence.published_on, evidence.language) == ("David Brandt", date(2026, 10, 31), "en")
    assert evidence.quote_prefix.endswith("it is decided.")
    assert evidence.quote_suffix.startswith(", something for two kids")
    assert evidence.sha256 and "workshop" in evidence.text and evidence.captured_at
    assert again(lead).moderation is Moderation.IN_REVIEW


def test_who_wrote_it_is_asked_of_the_feed_at_the_first_reading_only(bounty, ana, blog, work):
    blog.pages["/feed"] = (f'<rss version="2.0"><channel><item><link>{blog.address}/car</link>'
                           "<author>d@blog.example (David Brandt)</author></item></channel></rss>")
    blog.kinds["/feed"] = "application/rss+xml"
    silent = POST.replace('<meta name="author" content="David Brandt">', '<link rel="alternate" type="application/rss+xml" href="/feed">')
    lead = point(bounty, ana, url=blog.post(text=silent))
    work()
    assert (again(lead).evidence.author, again(lead).evidence.published_on) == ("David Brandt", date(2026, 10, 31))
    assert read_again(lead.id, "before_asking").reading.author == ""
    assert blog.asked == ["/car", "/feed", "/car"]


def test_a_quote_that_is_not_there_goes_to_review_with_a_warning(bounty, ana, blog, work):
    lead = point(bounty, ana, url=blog.post(), quote="I want to sell my motorbike")
    work()
    assert again(lead).evidence.quote_found is False
    assert any(s.tone == "warn" and "not found" in s.words for s in read_signals(again(lead)))


def test_a_page_that_is_gone_waits_for_the_referrer_with_what_to_do(bounty, ana, blog, work, mailbox):
    lead = point(bounty, ana, url=blog.address + "/gone")
    work()
    lead = again(lead)
    assert (lead.moderation, lead.evidence.state) == (Moderation.NEEDS_INFO, EvidenceState.UNAVAILABLE)
    assert lead.reason_code is ReasonCode.EVIDENCE_UNAVAILABLE
    assert "paste" in lead.question.lower()
    assert "question about your lead" in str(mailbox.last_to(ana.email)["Subject"])


def test_a_page_without_words_waits_for_the_referrer(bounty, ana, blog, work):
    lead = point(bounty, ana, url=blog.post(text="<html><body><img src='x.png'></body></html>"))
    work()
    assert again(lead).evidence.failure == "empty"


def test_an_internal_address_is_never_dialled(bounty, ana, work):
    lead = point(bounty, ana, url="http://127.0.0.1:9/secret")
    work()
    assert again(lead).evidence.state is EvidenceState.UNAVAILABLE


def test_a_page_that_names_a_known_address_as_its_own_is_a_duplicate(bounty, ana, blog, work):
    head = f'<link rel="canonical" href="{blog.address}/car">'
    first = point(bounty, ana, url=blog.post(head=head))
    second = point(bounty, make_user("Bo Li"), url=blog.post("/print-of-car", head=head))
    work()
    assert again(first).moderation is Moderation.IN_REVIEW
    assert (again(second).moderation, again(second).duplicate_of_id) == (Moderation.DUPLICATE, first.id)


def test_the_own_canonical_address_takes_its_place(bounty, ana, blog, work):
    head = f'<link rel="canonical" href="{blog.address}/car">'
    point(bounty, ana, url=blog.post("/print-of-car", head=head))
    work()
    assert point(bounty, make_user("Bo Li"), url=blog.post(head=head)).moderation is Moderation.DUPLICATE


def test_a_lead_taken_back_meanwhile_is_left_alone(bounty, ana, blog, work):
    lead = point(bounty, ana, url=blog.post())
    do(withdraw_lead, lead, by=ana)
    work()
    assert again(lead).evidence.state is EvidenceState.PENDING
    assert again(lead).moderation is Moderation.WITHDRAWN


def test_reading_twice_keeps_the_first_reading(bounty, ana, blog, work):
    lead = point(bounty, ana, url=blog.post())
    work()
    do(keep_evidence, Captured(failure="timeout"), lead.id)
    assert again(lead).evidence.state is EvidenceState.CAPTURED
    assert actions_on(lead.id).count("evidence.captured") == 1


def test_a_lead_without_an_address_has_nothing_to_read(bounty, ana):
    lead = point(bounty, ana)
    assert read_evidence(lead.id).failure == "bad_url"


@pytest.mark.parametrize(("given", "tone", "words"), [
    ({}, "ok", "word for word"), ({}, "ok", "days old"), ({}, "mute", "less than a day ago")])
def test_signals_say_what_was_seen(bounty, ana, blog, work, given, tone, words):
    lead = point(bounty, ana, url=blog.post(), **given)
    work()
    assert any(s.tone == tone and words in s.words for s in read_signals(again(lead)))


def test_signals_of_doubt(bounty, blog, work, later):
    author = make_user("David Brandt")
    later(days=40)
    lead = point(bounty, author, url=blog.post())
    assert any("not been read" in s.words for s in read_signals(lead))
    work()
    assert again(lead).question.startswith("The post was 42 days old")
    do(answer_info, again(lead), by=author, answer="I asked him yesterday: he still looks.")
    work()
    said = " ".join(s.words for s in read_signals(again(lead)))
    assert "30 or fewer" in said and "he still looks" in said and "own name" in said and "joined" not in said


def test_a_referrer_of_some_days_standing_is_nothing_to_mention(bounty, ana, blog, work, later):
    later(days=2)
    lead = point(bounty, ana, url=blog.post())
    work()
    assert not any("joined" in s.words for s in read_signals(again(lead)))


def test_signals_of_a_typed_text(bounty, ana):
    said = [s.words for s in read_signals(point(bounty, ana))]
    assert any("nobody can check" in words for words in said) and any("does not say when" in words for words in said)


@pytest.mark.parametrize(("text", "marked"), [
    (f"One.\n\nSo. {QUOTE}, soon.\nTwo.", [QUOTE]),
    (f"{QUOTE}", [QUOTE]),
    ("So I am in\nthe market for a car", ["I am in", "the market for a car"]),
    ("Nothing of the kind.", []),
    (None, []), ("", []),
])
def test_the_quote_is_marked_in_the_text_and_the_text_is_whole(text, marked):
    paragraphs = mark_quote(text, QUOTE)
    assert [words for parts in paragraphs for words, is_quote in parts if is_quote] == marked
    assert ["".join(words for words, _ in parts) for parts in paragraphs] == [line for line in (text or "").split("\n") if line]
