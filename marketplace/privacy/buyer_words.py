"""What others wrote about a buyer, and what is kept beside their post: as they may read it on a lead, and as a file.

Named by their part, never by their name. What admins write to each other when they pass a case on, and of signs of
fraud, is about the referrer as much, and is not in it.
"""
from datetime import datetime
from typing import Any

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.money import show_money
from marketplace.referrals.buyers_share import shares_of_buyer
from marketplace.referrals.check_words import say_check
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.disputes.words import SAID_AS_WITNESS, title_of
from marketplace.referrals.evidence_files import files_of, neutral_name
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.kept_words import words_kept
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import Dispute, DisputeSide, EvidenceCheck, Lead
from marketplace.referrals.money_back import money_back_of

BY = {DisputeSide.REFERRER: "the referrer", DisputeSide.BUSINESS: "the business", DisputeSide.ADMIN: "an admin"}


def said_by_others(lead: Lead) -> list[dict[str, Any]]:
    """To decide the lead, or a dispute about it. A decision that nobody was told yet is not in it."""
    told, reason = as_told(lead), ""
    if told.reason_code:
        reason = " ".join(word for word in (REASONS[told.reason_code], told.missed_criterion, told.reason_note) if word)
    written = [
        _words("a moderator", "a question to the referrer", told.question, told.question_asked_at),
        _words("the referrer", "the answer to our question", lead.answer),
        _words("a moderator", "why it was not accepted", reason, told.decided_at),
        _words("the referrer", "an appeal against that", lead.appeal),
        *(_words("the business", "how far it came with you", one.text, one.created_at)
          for one in words_kept(lead) if not one.by_admin)]
    for dispute in disputes_on(lead):
        on = f"a dispute: {title_of(dispute)}"
        written += [_words(BY[one.side], on, one.text, one.created_at, link=one.link)
                    for one in dispute.statements if one.side in BY]
        if dispute.witness is not None and not dispute.witness.is_proven:
            written.append(_words("somebody with a link that was passed on", on, " ".join(
                word for word in (SAID_AS_WITNESS[dispute.witness.said], dispute.witness.note) if word)))
        if dispute.ended_at is not None:
            written.append(_words("an admin", on, dispute.ruling, dispute.ended_at))
    return [one for one in written if one["text"]]


def _words(
    by: str, on: str, text: str | None, at: datetime | None = None, *, link: str | None = None
) -> dict[str, Any]:
    return {"by": by, "on": on, "text": text, "link": link, "at": as_time(at)}


def said_by_buyer(lead: Lead) -> list[dict[str, Any]]:
    """Their own words in disputes: as a witness, where the link of our mail shows that it was they; of misuse."""
    found: list[dict[str, Any]] = []
    for dispute in disputes_on(lead):
        answer = dispute.witness
        if answer is not None and answer.is_proven:
            found.append({
                "as": "witness", "said": SAID_AS_WITNESS[answer.said], "note": answer.note,
                "bought_on": answer.bought_on.isoformat() if answer.bought_on else None,
                "amount": show_money(answer.amount) if answer.amount else None, "at": as_time(answer.created_at)})
        if answer is None or answer.is_proven:
            found += [{"as": "witness, corrected" if answer else "report of misuse", "said": one.text, "note": None,
                       "bought_on": None, "amount": None, "at": as_time(one.created_at)}
                      for one in dispute.statements if one.side is DisputeSide.BUYER and one.text]
    return found


def disputes_on(lead: Lead) -> list[Dispute]:
    return list(db.session.scalars(select(Dispute).where(Dispute.lead_id == lead.id).order_by(Dispute.id)))


def post_in_file(lead: Lead) -> dict[str, Any]:
    """All that is kept of the post: what it said, what the referrer says of it, what came of reading it again."""
    post = lead.evidence
    looks = select(EvidenceCheck).where(EvidenceCheck.lead_id == lead.id).order_by(EvidenceCheck.id)
    return {
        "address": post.url, "sentence": post.quote, "before_it": post.quote_prefix, "after_it": post.quote_suffix,
        "title": post.title, "author": post.author, "written_on": post.published_on and post.published_on.isoformat(),
        "language": post.language, "text": post.text, "read_at": as_time(post.captured_at),
        "by_the_referrers_word": {"where": post.said_where, "on": post.said_on and post.said_on.isoformat(),
                                  "why_it_still_holds": post.age_reason},
        "read_again": [{"at": as_time(check.checked_at), "found": say_check(check), "now_reads": check.now_reads}
                       for check in db.session.scalars(looks)],
    }


def files_in_file(lead: Lead) -> list[dict[str, Any]]:
    """What each says. The files themselves are taken from the buyer's page, under these names."""
    return [{"name": neutral_name(one), "kind": one.kind.value, "given_at": as_time(one.created_at),
             "bytes": one.size_bytes, "pages": one.page_count, "text": one.text} for one in files_of(lead)]


def gains_in_file(lead: Lead) -> list[dict[str, Any]]:
    """What they had of it, or may have."""
    shares = shares_of_buyer(lead)
    back = money_back_of(shares)
    return [
        *({"what": show_money(back[one.id].left), "state": one.state.value, "how": None, "receipt": None}
          for one in shares),
        *({"what": one.words, "state": one.state.value, "how": one.offer, "receipt": one.receipt}
          for one in things_of_lead(lead) if one.whom == "buyer")]


def as_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
