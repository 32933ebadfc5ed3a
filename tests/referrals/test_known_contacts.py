"""Whom a business knew before: its list is read and kept as hashes, and says `already_known` only of who came later."""
import hashlib

import pytest

from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden
from marketplace.identity.models import MemberRole
from marketplace.referrals.appeals import appeal_decision
from marketplace.referrals.beside import signals_beside
from marketplace.referrals.contact_list import BadContactList, read_contact_list
from marketplace.referrals.known_contacts import (
    MOST_TOLD_A_DAY,
    ListHasOddRows,
    find_known_since,
    known_list,
    remove_contacts,
    take_contacts,
)
from marketplace.referrals.models import Buyer, KnownContact, Moderation, ReasonCode
from tests.browsing import end_reading, words_of
from tests.factories import make_bounty, make_business, make_member, make_user
from tests.referrals.steps import actions_on, again, decide, do, point

DAVID = "david@example.com"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def listed(business, by, *rows, head="email", replaces=False):
    return do(take_contacts, business, read_contact_list("\n".join([head, *rows]).encode()), by=by, replaces=replaces)


@pytest.mark.once
class TestReading:
    @pytest.fixture(autouse=True)
    def _keys(self, app):
        """Hashes are keyed."""

    def test_rows_are_counted_by_what_they_are(self):
        found = read_contact_list(b"Name,Email,Phone\nD,david@example.com,+1 619 555 0100\nE,not one,\nF,DAVID@example.com ,"
                                  b"\n\n,,\nG,g@example.com,12345\n")
        assert (found.good, found.repeated, found.odd_count) == (1, 1, 2)
        assert [line for line, _ in found.odd] == [3, 7]
        assert "Line 3" in found.odd_lines[0][0] and "not one" not in str(found.odd_lines)

    @pytest.mark.parametrize("content", [
        b"email;phone\ndavid@example.com;", b"\xef\xbb\xbfemail\r\ndavid@example.com\r\n", b"E-Mail\tName\ndavid@example.com\tD",
        "email,name\ndavid@example.com,Müller".encode("cp1252"), b'"email"\n"david@example.com"'])
    def test_files_of_other_programs_are_read(self, content):
        assert read_contact_list(content).hashes == read_contact_list(b"email\ndavid@example.com").hashes

    @pytest.mark.parametrize(("head", "one", "other"), [
        ("email", "David+news@Example.com ", "david@example.com"), ("email", "d.avid@googlemail.com", "david@gmail.com"),
        ("email", "david@example.com", sha256("david@example.com")), ("email_sha256", sha256("x"), sha256("x").upper()),
        ("phone", "+1 (619) 555-0100", "0016195550100"), ("phone", "+44 (0)20 7946 0000", "+442079460000"),
        ("phone", "+16195550100", sha256("+16195550100")),
        ("profile", "https://x.com/Dave/status/1", "twitter.com/dave")])
    def test_two_spellings_are_one_contact(self, head, one, other):
        found = read_contact_list(f"{head}\n{one}\n{other}".encode())
        assert (found.good, found.repeated, found.odd_count) == (1, 1, 0)

    @pytest.mark.parametrize("content", [
        b"", b"name,town\nDavid,Denver", b"\x89PNG\r\n\x1a\n\0\0\0", b"email\n", b"email\n\n\n", b"email\n" + b"x" * 6_000_000,
        b'email\n"' + b"x" * 200_000])
    def test_what_is_no_such_list_is_refused_with_what_to_do(self, content):
        with pytest.raises(BadContactList) as refused:
            read_contact_list(content)
        assert refused.value.fields["file"]

    def test_no_more_rows_than_can_be_taken_at_once(self, monkeypatch):
        monkeypatch.setattr("marketplace.referrals.contact_list.MOST_ROWS", 3)
        assert read_contact_list(b"email\na@b.co\nb@b.co\nc@b.co").good == 3
        with pytest.raises(BadContactList):
            read_contact_list(b"email\na@b.co\nb@b.co\nc@b.co\nd@b.co")


class TestTaking:
    def test_nothing_but_hashes_is_kept(self, westside, wes):
        assert listed(westside, wes, DAVID).added == 1
        [kept] = db.session.query(KnownContact).all()
        assert "david" not in kept.hash and kept.hash != sha256(DAVID)
        assert "known_contacts.uploaded" in actions_on(westside.id)

    def test_who_was_on_the_list_before_keeps_the_day(self, westside, wes, later):
        listed(westside, wes, DAVID)
        first = known_list(westside.id).oldest
        later(days=3)
        taken = listed(westside, wes, DAVID, "eve@example.com", replaces=True)
        known = known_list(westside.id)
        assert (taken.added, taken.removed, known.count, known.oldest) == (1, 0, 2, first)
        assert known.newest > first

    def test_replacing_removes_who_is_not_on_the_new_one(self, westside, wes):
        listed(westside, wes, DAVID, "eve@example.com")
        taken = listed(westside, wes, "eve@example.com", replaces=True)
        assert (taken.added, taken.removed, known_list(westside.id).count) == (0, 1, 1)

    def test_it_is_taken_whole_or_not_at_all(self, westside, wes):
        with pytest.raises(ListHasOddRows):
            listed(westside, wes, DAVID, "not an address")
        assert known_list(westside.id).count == 0

    def test_only_managers_say_whom_a_business_knows(self, westside, wes, ana, mona):
        for by in (ana, mona, make_member(westside, MemberRole.AGENT)):
            with pytest.raises(Forbidden):
                listed(westside, by, DAVID)
            with pytest.raises(Forbidden):
                do(remove_contacts, westside, by=by)
        listed(westside, make_member(westside, MemberRole.MANAGER, "May"), DAVID)
        assert do(remove_contacts, westside, by=wes) == 1


class TestPointing:
    @pytest.mark.parametrize("row", [DAVID, sha256(DAVID), "David+car@EXAMPLE.com"])
    def test_somebody_on_the_list_is_refused_at_once_with_the_reason(self, bounty, westside, wes, ana, work, mailbox, row):
        listed(westside, wes, row)
        lead = point(bounty, ana, buyer_email=DAVID)
        assert (lead.moderation, lead.reason_code, lead.decided_by) == (
            Moderation.REJECTED, ReasonCode.ALREADY_KNOWN, audit.SYSTEM)
        work()
        assert "The business knows this buyer already." in mailbox.last_to(ana.email).get_body(("plain",)).get_content()

    def test_and_may_appeal_to_a_person_who_sees_why(self, bounty, westside, wes, ana):
        listed(westside, wes, DAVID)
        lead = point(bounty, ana, buyer_email=DAVID)
        do(appeal_decision, lead, by=ana, why="They wrote to David once, years ago.")
        lead = again(lead)
        assert lead.moderation is Moderation.IN_REVIEW
        assert "since 2 Nov 2026 (already_known)" in signals_beside(lead, [])[0].words

    def test_who_is_put_on_the_list_after_the_lead_was_not_known_before(self, bounty, westside, wes, ana, later):
        lead = point(bounty, ana, buyer_email=DAVID)
        later(minutes=1)
        listed(westside, wes, DAVID)
        assert signals_beside(again(lead), []) == []

    def test_not_even_when_the_lead_is_submitted_once_more(self, bounty, westside, wes, ana, mona, later):
        from marketplace.referrals.moderation import answer_info, ask_for_info  # noqa: PLC0415
        from tests.factories import review_lead  # noqa: PLC0415
        lead = review_lead(point(bounty, ana, buyer_email=DAVID))
        decide(ask_for_info, again(lead), by=mona, question="Where does he live?")
        later(days=1)
        listed(westside, wes, DAVID)
        later(days=1)
        do(answer_info, again(lead), by=ana, answer="In Denver.")
        assert again(lead).submitted_at > known_list(westside.id).oldest
        assert find_known_since(again(lead)) is None

    def test_the_list_of_another_business_says_nothing(self, bounty, ana):
        pete = make_user("Pete Moss")
        listed(make_business(pete, name="Eastside Auto"), pete, DAVID)
        assert point(bounty, ana, buyer_email=DAVID).moderation is Moderation.SUBMITTED

    @pytest.mark.parametrize("row", ["+1 619 555 0100", sha256("+16195550100"), sha256("16195550100")])
    def test_a_number_is_found_however_it_was_hashed(self, bounty, westside, wes, ana, row):
        listed(westside, wes, row, head="phone")
        lead = point(bounty, ana)
        assert find_known_since(lead, Buyer(phone="+16195550100")) is not None

    def test_an_account_is_found_by_its_post(self, bounty, westside, wes, ana):
        listed(westside, wes, "https://twitter.com/Dave", head="profile")
        lead = point(bounty, ana, url="https://x.com/dave/status/7")
        assert lead.reason_code is ReasonCode.ALREADY_KNOWN

    def test_nobody_learns_a_list_by_asking_for_it(self, bounty, westside, wes, ana, later):
        """Past a few a day the answer comes from a person, who reads why."""
        people = [f"buyer{number}@example.com" for number in range(MOST_TOLD_A_DAY + 1)]
        listed(westside, wes, *people)
        leads = [point(bounty, ana, buyer_email=one) for one in people]
        assert [lead.moderation for lead in leads] == [Moderation.REJECTED] * MOST_TOLD_A_DAY + [Moderation.SUBMITTED]
        assert "already_known" in signals_beside(again(leads[-1]), [])[0].words
        later(days=1, minutes=1)
        listed(westside, wes, "eve@example.com")
        assert point(bounty, ana, buyer_email="eve@example.com").moderation is Moderation.REJECTED


class TestPages:
    @pytest.fixture
    def address(self, westside):
        return f"/businesses/{westside.id}/known-contacts"

    def send(self, browser, address, content, press):
        """As a browser sends it: the test client would keep a large body in a file that it never closes."""
        form = browser.page(address).forms[-1]
        fields = {**dict(form.form_values()), "step": "take" if press == "Take it" else "check"}
        parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
        parts.append(b'Content-Disposition: form-data; name="file"; filename="crm.csv"\r\n\r\n' + content)
        body = b"".join(b"--line\r\n" + part + b"\r\n" for part in parts) + b"--line--\r\n"
        return browser.post(address, data=body, content_type="multipart/form-data; boundary=line", follow_redirects=True)

    def test_a_check_counts_and_keeps_nothing(self, address, as_user, wes, westside):
        answer = self.send(as_user(wes), address, b"email\ndavid@example.com\nnot one\ndavid@example.com\n", "Check only")
        assert "Line 3" in answer.text and "Rows that repeat another one" in answer.text and "not one" not in answer.text
        end_reading()
        assert known_list(westside.id).count == 0

    def test_a_good_list_is_taken_and_shown_by_count_and_age(self, address, as_user, wes):
        answer = self.send(as_user(wes), address, b"email\ndavid@example.com\neve@example.com\n", "Take it")
        assert "Taken: 2 new, 0 removed." in answer.text
        page = as_user(wes).page(address)
        assert "Hashes of contacts 2" in words_of(page.get_element_by_id("kept"))
        assert "david" not in answer.text

    def test_a_list_with_odd_rows_is_not(self, address, as_user, wes, westside):
        answer = self.send(as_user(wes), address, b"email\ndavid@example.com\nnot one\n", "Take it")
        assert answer.status_code == 409 and "Nothing was taken" in answer.text and "Line 3" in answer.text
        end_reading()
        assert known_list(westside.id).count == 0

    def test_a_list_of_some_megabytes_is_read_and_a_larger_one_refused(self, address, as_user, wes):
        rows = b"".join(b"%09d@example.com,%s\n" % (number, b"x" * 60) for number in range(30_000))
        assert 2_000_000 < len(rows) < 5_000_000
        assert "Rows that can be taken 30000" in words_of_answer(
            self.send(as_user(wes), address, b"email,note\n" + rows, "Check only"))
        assert self.send(as_user(wes), address, b"email\n" + b"x" * 6_000_000, "Check only").status_code == 413

    def test_no_file_is_no_list(self, address, as_user, wes):
        answer = self.send(as_user(wes), address, b"", "Check only")
        assert answer.status_code == 422 and "Choose the CSV file." in answer.text

    def test_the_list_can_be_removed(self, address, as_user, wes, westside):
        listed(westside, wes, DAVID)
        answer = as_user(wes).submit(address, action="/removal")
        assert "Removed: 1 hashes." in answer.text
        end_reading()
        assert known_list(westside.id).count == 0

    def test_the_referrer_reads_on_the_page_that_the_business_knew(self, bounty, westside, wes, ana, as_user):
        listed(westside, wes, DAVID)
        answer = as_user(ana).submit(f"/bounties/{bounty.id}/point", {
            "text": "I am in the market for a car, and soon.", "quote": "I am in the market for a car",
            "acquaintance": "friend", "how_known": "An old friend", "buyer_email": DAVID})
        assert "The business knew this buyer before. Your lead is kept, and you can appeal below." in answer.text
        assert "See it differently?" in answer.text


def words_of_answer(answer):
    from lxml import html  # noqa: PLC0415
    return words_of(html.fromstring(answer.text))


def test_bounties_of_the_same_business_share_its_list(bounty, westside, wes, ana):
    listed(westside, wes, DAVID)
    other = make_bounty(westside, is_live=True, title="Another one")
    assert point(other, ana, buyer_email=DAVID).reason_code is ReasonCode.ALREADY_KNOWN
