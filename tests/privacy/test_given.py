"""What a business reads by a buyer's yes is what every page, mail and file of the buyer's says that it gets: no more."""
import csv
import io
import json
import re
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from marketplace.bounties.models import For, NonCash, RewardKind
from marketplace.foundation.db import db, transaction
from marketplace.foundation.given_files import read_given
from marketplace.identity.api_keys import create_key
from marketplace.identity.models import User
from marketplace.privacy.takeaway import everything_about
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.consent import give_consent, withdraw_consent
from marketplace.referrals.evidence_files import files_of, keep_files
from marketplace.referrals.given import given_by_yes
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.models import Channel
from marketplace.referrals.queries import find_live_grant
from tests import factories as make
from tests.browsing import body_of, end_reading, what, words_of
from tests.foundation.test_given_files import mail, picture
from tests.privacy.conftest import MAIL, NAME, lead_of
from tests.privacy.everything import plant
from tests.referrals.steps import do

pytestmark = pytest.mark.once

# What a business may read after a yes, by where it is kept, and the words by which the buyer is told of it.
THE_POST, FROM_ANA = "The sentence that is quoted", "From Ana Flores"
TOLD = {
    "buyers.name": "Your name", "consent_grants.note": "Your note to them",
    **dict.fromkeys(("evidence.url", "evidence.quote", "evidence.quote_prefix", "evidence.quote_suffix", "evidence.title",
                     "evidence.author", "evidence_checks.now_reads"), THE_POST),
    **dict.fromkeys(("leads.how_known", "evidence.said_where", "evidence.age_reason"), FROM_ANA)}
# What admins write to each other is about the referrer as much; a file is taken from its page.
NOT_EXPORTED = {"escalations.note"}


def word(place: str) -> str:
    return f"https://x.example/planted-{place}-end"


def planted_in(*texts: str) -> set[str]:
    return set(re.findall(r"planted-([a-z_]+\.[a-z_]+)-end", " ".join(texts)))


def path_of(link: str) -> str:
    return link.removeprefix("http://localhost")


@pytest.fixture
def planted(david, keep) -> SimpleNamespace:
    """Of both leads every place has its word, and a picture and a mail were given with each."""
    return keep("planted", lambda: _plant(david))


def _plant(david: SimpleNamespace) -> SimpleNamespace:
    for lead_id in (david.yes, david.asked):
        do(keep_files, lead_of(lead_id), [read_given(picture()), read_given(mail())], by=david.ana)
        places = plant(lead_of(lead_id), word, admin_id=david.mona)
        with transaction():  # Else there would be no reading that could be looked at again.
            lead_of(lead_id).evidence.captured_at = datetime(2026, 11, 1, tzinfo=UTC)
    return SimpleNamespace(**vars(david), places=places)


def read_by(user, lead_id, app, browser) -> set[str]:
    """Of what was planted, on the pages of the lead and by API."""
    with transaction():
        secret = create_key(user, name="All", scopes=["leads:read"], days=None)[1]
    headers, api = {"Authorization": f"Bearer {secret}"}, app.test_client()
    asked = [api.get(f"/api/v1{path}", headers=headers).text for path in ("/leads", f"/leads/{lead_id}", f"/leads/{lead_id}/story")]
    page = browser.get(f"/leads/{lead_id}").text
    if "Show how to reach them" in page:
        page += browser.submit(f"/leads/{lead_id}", action="/contact").text
    end_reading()
    return planted_in(page, *asked)


def test_a_business_reads_what_the_buyer_is_told_and_nothing_else(planted, as_user, app, anonymous, work, mailbox):
    wes, pete = db.session.get_one(User, planted.wes), make.owner_of(lead_of(planted.asked).business)
    lead = lead_of(planted.yes)
    given = [one.words for one in given_by_yes(lead, find_live_grant(lead))]
    assert read_by(pete, planted.asked, app, as_user(pete)) == set(), "before the yes"
    assert read_by(wes, planted.yes, app, as_user(wes)) == set(TOLD)
    assert {said for said in TOLD.values() if not [one for one in given if one.startswith(said)]} == set()
    assert "What Ana Flores gave" not in " ".join(given)
    for shot in files_of(lead):
        assert shot.id not in as_user(wes).get(f"/leads/{lead.id}").text
        for way in ("", "/picture"):
            refused = as_user(wes).open(f"/leads/{lead.id}/files/{shot.id}{way}")
            assert refused.status_code == 404 and "read by whoever gave them, by moderators and by the buyer" in refused.text
    assert "From Ana Flores: how they know you, what they wrote about it, where and when you said it and why it still holds" in given

    work()
    mailed = path_of(buyer_link(lead_of(planted.yes), MAILED))
    receipt = json.loads(anonymous.get(f"{mailed}/receipt.json").text)["dpv:hasRecordOfActivity"][0]["dpv:hasProcess"]
    assert [one["dct:description"] for one in receipt["dpv:hasPersonalData"]] == given
    export = json.loads(anonymous.get(f"{planted.page}/export.json").text)["entries"]
    assert next(one for one in export if one["id"] == planted.yes)["consents"][0]["given"] == given
    mail = next(one for one in mailbox.to(MAIL) if what(one) == "Your yes, in writing")
    yes_in_writing = body_of(mail)
    listed = mail.get_body(("html",)).get_content().split("<li ")[1:]
    assert len(listed) == yes_in_writing.count("\n- ") == len(given)
    for said in (words_of(anonymous.page(mailed)), words_of(anonymous.page(planted.page)), " ".join(yes_in_writing.split())):
        assert [one for one in given if one not in said] in ([], ["Your note to them"]), "the note came after the mail"


def test_whoever_is_asked_reads_it_all_before_the_yes(planted, as_user, app, anonymous, work, mailbox):
    asked = path_of(buyer_link(lead_of(planted.asked)))
    page = anonymous.get(asked)
    theirs = {"buyers.name", "consent_grants.note", "evidence_checks.now_reads"}  # Their own; and looks that come later.
    assert planted_in(page.text) == set(TOLD) - theirs | {"evidence_files.text"}, "the link was passed on: neither name nor address"
    words = words_of(anonymous.page(asked))
    assert [one.words for one in given_by_yes(lead_of(planted.asked)) if one.words not in words] == []
    assert "our moderators only; never given to Eastside Auto" in words and "The files that Ana Flores gave with it" in words
    shot, letter = (f"{asked}/files/{one.id}" for one in files_of(lead_of(planted.asked))[:2])
    assert shot in page.text and letter in page.text
    assert anonymous.get(shot).content_type == "image/webp" and "sandbox" in anonymous.get(shot).headers["Content-Security-Policy"]
    taken = anonymous.get(letter)
    assert (taken.content_type, taken.headers["X-Robots-Tag"]) == ("application/octet-stream", "noindex, nofollow, noarchive")
    assert taken.headers["Content-Disposition"].startswith("attachment")
    other = files_of(lead_of(planted.yes))[0].id
    assert anonymous.get(f"{asked}/files/{other}").status_code == 404

    grant = do(give_consent, lead_of(planted.asked), name=NAME, email="typed@example.com", channel=Channel.PHONE,
               phone="+16195550177", until=date(2026, 12, 1), proven=False)
    work()
    given = [one.words for one in given_by_yes(lead_of(planted.asked), grant)]
    confirming = mailbox.link_to("typed@example.com", "/buyer/confirm/")
    for said in (words_of(anonymous.page(confirming)), " ".join(body_of(mailbox.last_to("typed@example.com")).split())):
        assert "Your phone number" in given and [one for one in given if one not in said] == []
    anonymous.submit(confirming)
    assert anonymous.get(shot).status_code == 403, "what was passed on proves nothing, once they have answered"
    now = path_of(buyer_link(lead_of(planted.asked), MAILED))
    assert anonymous.get(shot.replace(asked, now)).status_code == 200
    do(withdraw_consent, lead_of(planted.asked))
    pete = make.owner_of(lead_of(planted.asked).business)
    assert read_by(pete, planted.asked, app, as_user(pete)) == set(), "once it is taken back"


def test_what_is_not_there_is_not_named(david, anonymous):
    asked = path_of(buyer_link(lead_of(david.asked)))
    page = words_of(anonymous.page(asked))
    assert "From Ana Flores: how they know you and what they wrote about it" in page
    assert "gave with it" not in page and "files" not in page and "where and when you said it" not in page


def test_the_export_holds_every_word_about_them_and_who_looked_at_what(planted, anonymous, as_user):
    bounty = make.make_bounty(is_live=True, rules=[
        make.flat(100_000), {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake", "whom": For.BUYER}])
    sold = make.consent(make.accept(make.make_lead(bounty)), email=MAIL)
    make.win(sold)
    with transaction():
        things_of_lead(sold)[0].offer = word("rewards_in_kind.offer")
    shot = files_of(lead_of(planted.yes))[0].id
    for person in (planted.ana, planted.wes, planted.mona):
        browser = as_user(db.session.get_one(User, person))
        browser.get(f"/leads/{planted.yes}")
        for way in ("", "/picture"):
            browser.open(f"/leads/{planted.yes}/files/{shot}{way}")
    wanted = planted.places | {"rewards_in_kind.offer"}
    file, sheet = (anonymous.get(f"{planted.page}/export.{ending}").text for ending in ("json", "csv"))
    assert wanted - planted_in(file) == NOT_EXPORTED | {"buyers.email"} and MAIL in file
    assert planted_in(sheet) == planted_in(file) and "A cake" in sheet
    entry = next(one for one in json.loads(file)["entries"] if one["id"] == planted.yes)
    looks = [one["by"] for one in entry["looked_at"]]
    assert [one for one in looks if "given with it" in one] == [
        "A moderator of Fingerpost: a file that was given with it", "A moderator of Fingerpost: a picture that was given with it"
    ], "not that the referrer did, and the business cannot"
    assert "never given to Westside Auto" in words_of(anonymous.page(planted.page))
    assert [one["kind"] for one in entry["files"]] == ["image", "email", "pdf"] and entry["post"]["by_the_referrers_word"]
    assert {row["entry"] for row in csv.DictReader(io.StringIO(sheet.removeprefix("\ufeff")))} >= {planted.yes, planted.asked}
    page = words_of(anonymous.page(planted.page))
    assert word("leads.appeal") in page and "A moderator, a question to the referrer:" in page
    letter = files_of(lead_of(planted.yes))[1].id
    assert anonymous.get(f"{planted.page}/files/{planted.yes}/{letter}").headers["Content-Disposition"].startswith("attachment")
    assert anonymous.get(f"{planted.page}/files/{sold.id}/{letter}").status_code == 404
    hers = planted_in(json.dumps(everything_about(db.session.get_one(User, planted.ana)), default=str))
    assert {"leads.how_known", "leads.answer", "leads.appeal", "evidence.url", "evidence.quote", "evidence.said_where",
            "evidence.age_reason", "evidence_files.text"} <= hers, "what the referrer gave is in the referrer's own"
