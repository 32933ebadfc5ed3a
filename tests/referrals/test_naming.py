"""Leads can be told apart: by one name in every list and in the subject of every mail that speaks of one."""
import ast
from pathlib import Path

import pytest

import marketplace
from marketplace.foundation.db import db, transaction
from marketplace.referrals.asking import MAILED, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.disputes.answering import contest_claim, escalate
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.models import DisputeKind, Lead
from marketplace.referrals.naming import name_of, number_of
from marketplace.referrals.queries import rewards_of_lead
from tests.browsing import body_of, words_of
from tests.factories import accept, consent, make_user, review_lead, win
from tests.referrals.steps import again, do, point

DAVID, ERIN = "david@example.com", "erin@example.com"
WORDS = "So it is decided. I am in the market for a car, and so is my {}."


@pytest.fixture
def two(bounty, ana, mona, keep):
    """Of one bounty, on one day, from one referrer, in the same words; the second is disputed."""
    def build():
        leads = []
        for email, friend in ((DAVID, "brother"), (ERIN, "sister")):
            lead = consent(accept(point(bounty, ana, buyer_email=email, text=WORDS.format(friend)), by=mona), email=email)
            win(lead)
            leads.append(lead.id)
        return leads
    return [db.session.get_one(Lead, lead_id) for lead_id in keep("two that are alike", build)]


def claim(lead):
    reward = rewards_of_lead(lead)[0]
    return Claim(amount=reward.amount, about_id=reward.id)


def test_every_mail_about_one_says_which_in_its_subject_and_names_it_whole_above_its_words(two, wes, ana, work, mailbox):
    with transaction():
        two[0].bounty.title = "Bring us buyers of cars\r\nBcc: eve@example.org, who live nearby and need one soon"
    do(withdraw_consent, again(two[0]))
    dispute = do(open_dispute, again(two[1]), DisputeKind.BAD_LEAD, by=wes, text="She had bought it before.", claim=claim(two[1]))
    do(contest_claim, dispute, by=ana, text="That is not how it was.")
    do(escalate, dispute, by=wes)
    work()
    of = {number_of(lead.id): lead for lead in map(again, two)}
    told = [(str(mail["To"]), str(mail["Subject"]), " ".join(body_of(mail).split())) for mail in mailbox.all()]
    assert {to for to, _, _ in told} >= {ana.email, wes.email, DAVID, ERIN} and len(told) > 10
    for to, subject, body in told:
        assert len(subject) < 80, subject
        lead = of[subject[-5:]]
        reader = {ana.email: Audience.REFERRER, wes.email: Audience.BUSINESS, DAVID: Audience.BUYER,
                  ERIN: Audience.BUYER}.get(to, Audience.ADMIN)
        assert f"About: {name_of(lead, reader)} " in body, subject
    assert len({subject for to, subject, _ in told if to == ana.email}) == len([1 for to, _, _ in told if to == ana.email])
    assert {subject[-5:] for to, subject, _ in told if to == DAVID} == {number_of(two[0].id)}


@pytest.mark.once
def test_no_letter_about_leads_leaves_the_name_out():
    package = Path(marketplace.__file__).parent
    files = [*package.glob("referrals/**/*letters.py"), package / "tracking/report_letters.py"]
    calls = [(path.name, call) for path in files for call in ast.walk(ast.parse(path.read_text())) if isinstance(call, ast.Call)
             and isinstance(call.func, ast.Name) and call.func.id in {"compose", "to_buyer"}]
    assert len(calls) > 15
    assert [f"{name}:{call.lineno}" for name, call in calls if not {one.arg for one in call.keywords} & {"about"}] == []


def test_every_list_shows_each_by_its_number(two, bounty, ana, wes, mona, westside, as_user, anonymous):
    waiting = [review_lead(point(bounty, make_user(name), text=WORDS.format(name))) for name in ("Bo Li", "Cleo Day")]
    for lead in two:
        do(open_dispute, again(lead), DisputeKind.BAD_LEAD, by=wes, text="They had bought it before.", claim=claim(lead))
    for who, path, leads in (
            (ana, "/leads", two), (ana, "/dashboard/referrer", two), (ana, "/rewards", two), (ana, "/disputes", two),
            (wes, f"/businesses/{westside.id}/leads", two), (wes, f"/dashboard/business/{westside.id}", two),
            (wes, f"/businesses/{westside.id}/disputes", two), (mona, "/admin/disputes", two),
            (mona, "/moderation", waiting), (mona, "/dashboard/admin", waiting), (mona, "/admin/privacy", waiting)):
        said = words_of(as_user(who).page(path))
        assert all(f"no. {number_of(lead.id)}" in said for lead in leads), path
    for lead in two:
        page = words_of(anonymous.page(buyer_link(again(lead), MAILED).removeprefix("http://localhost")))
        assert f"In our mails this is no. {number_of(lead.id)}" in page


def test_of_two_leads_for_one_buyer_each_referrer_reads_of_their_own(bounty, ana, mona, as_user, work, mailbox):
    tom = make_user("Tom Berg")
    owner = accept(point(bounty, ana, buyer_email=DAVID), by=mona)
    second = point(bounty, tom, buyer_email=DAVID, text="I am in the market for a car, and a roof rack.")
    do(open_dispute, second, DisputeKind.DUPLICATE_OWNERSHIP, by=tom, text="He heard it from me.", claim=Claim())
    work()
    assert str(mailbox.last_to(ana.email)["Subject"]).endswith(number_of(owner.id))
    for who, lead in ((ana, owner), (tom, second)):
        assert f"no. {number_of(lead.id)}" in words_of(as_user(who).page("/disputes"))
