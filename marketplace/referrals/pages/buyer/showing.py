"""What the buyer's pages need to be shown: the question, the answer that was given, and that it is too late."""
from datetime import timedelta
from typing import Any

from flask import render_template, url_for

from marketplace.bounties.models import For
from marketplace.foundation import clock, jurisdictions
from marketplace.foundation.db import db
from marketplace.foundation.errors import DomainError, Forbidden
from marketplace.foundation.web import Form
from marketplace.referrals.asking import LONGEST_CONSENT, MAILED, is_mailed_to
from marketplace.referrals.audience import Audience
from marketplace.referrals.buyers_place import asks_for_place
from marketplace.referrals.buyers_share import is_open, shares_of_buyer
from marketplace.referrals.consent import AlreadyAnswered, has_said_never
from marketplace.referrals.data_link import data_link
from marketplace.referrals.disputes.denied import disputes_no_until
from marketplace.referrals.disputes.witness_words import last_heard, next_to_buyer, say_word
from marketplace.referrals.disputes.words import next_in_words
from marketplace.referrals.given import given_beside, given_by_yes
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.lawful import lowering_of, pays_in_money, promised_in_words, ruling_of
from marketplace.referrals.models import Buyer, Channel, Lead, Reward, RewardInKind
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.other_answers import LATER_WEEKS
from marketplace.referrals.ownership import rivals_of
from marketplace.referrals.pages.buyer.words import find_grant, kinds_of_channel
from marketplace.referrals.pages.evidence_beside import evidence_beside
from marketplace.referrals.queries import find_live_grant, is_found_false
from marketplace.referrals.reach import Reach, ended_before_a_look, reach_of, waits_in_words
from marketplace.referrals.reward_words import (
    buyer_share_in_words,
    part_in_words,
    reward_next,
    thing_at_start,
    thing_next,
)
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.stages import is_sale_missing
from marketplace.referrals.timeline import tell_story

USUAL_CONSENT = timedelta(days=14)


class NotProven(Forbidden):
    code = "not_proven"


def require_proof(lead: Lead, purpose: str, token: str) -> None:
    """What is the buyer's own is theirs who read their mail; a link that was passed on proves nothing."""
    if not is_theirs(lead, purpose, token):
        raise NotProven("This link does not show that it is you.", next_step="Open the link in the mail we sent you.")


def is_theirs(lead: Lead, purpose: str, token: str) -> bool:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    return lead.stage is not None and is_mailed_to(buyer.email or "", purpose=purpose, token=token)


def places_to_choose(lead: Lead) -> list[tuple[str, str]]:
    """To say where they live; none where it would change nothing."""
    return jurisdictions.choices() if asks_for_place(lead) else []


def show_question(lead: Lead, purpose: str, token: str, form: Form, *, other: Form | None = None) -> Any:
    today, rivals = clock.now().date(), rivals_of(lead)
    return render_template(
        "referrals/buyer_ask.html", lead=lead, purpose=purpose, token=token, form=form, channels=list(Channel),
        given=given_by_yes(lead), **evidence_beside(lead, is_seen=True, by=None),
        file_href=lambda file: url_for("buyer.file", purpose=purpose, token=token, file_id=file.id),
        reward=promised_in_words(lead), promised=buyer_share_in_words(lead.terms, ruling_of(lead)), earliest=today,
        is_paid=pays_in_money(lead),
        latest=today + LONGEST_CONSENT, other=other, later_weeks=LATER_WEEKS,
        rivals=rivals, gives={one.id: given_beside(one) for one in (lead, *rivals)},
        places=places_to_choose(lead) if purpose == MAILED else [],
        unconfirmed=find_live_grant(lead)), (other or form).status


def show_answer(
    lead: Lead, purpose: str, token: str, *, is_second_click: bool = False, refusal: DomainError | None = None
) -> str:
    grant, word = find_grant(lead), word_of(lead)
    is_day_over = grant is not None and grant.until < clock.now().date()
    is_undone = is_found_false(lead.id) or (ended_before_a_look(lead) and not is_day_over)
    is_own, shares = is_theirs(lead, purpose, token), shares_of_buyer(lead)
    reach = reach_of(lead, grant) if grant else Reach.NEVER
    return render_template(
        "referrals/buyer_receipt.html", lead=lead, purpose=purpose, token=token, grant=grant,
        given=given_by_yes(lead, grant) if grant else [], reach=reach.value,
        waits=waits_in_words(lead, grant, reach) if grant else None,
        is_second_click=is_second_click, refusal=refusal, is_theirs=is_own,
        data_href=data_link(db.session.get_one(Buyer, lead.buyer_id)) if is_own else None,
        shares=shares, money_back=money_back_of(shares),
        things=[one for one in things_of_lead(lead) if one.whom is For.BUYER],
        is_open=is_open, part=part_in_words, what=thing_at_start, is_undone=is_undone,
        next=_nothing if is_undone else lambda one: reward_next(one, Audience.BUYER.value),
        thing_next=_nothing if is_undone else lambda one: thing_next(one, Audience.BUYER.value),
        promised=buyer_share_in_words(lead.terms, ruling_of(lead)), lowered=lowering_of(lead),
        is_never=has_said_never(lead), story=tell_story(lead, Audience.BUYER, is_proven=is_own),
        word=None if is_undone else word,
        heard=last_heard([lead.id]).get(lead.id) if is_own and not is_undone else None,
        may_say_bought=word is None and not is_undone and is_sale_missing(lead),
        disputes_no_until=disputes_no_until(lead), dispute_next=next_in_words, say_word=say_word,
        to_witness=next_to_buyer,
        has_ended=is_undone or is_day_over,
        channel=kinds_of_channel(grant.channel) if grant else "")


def _nothing(owed: Reward | RewardInKind) -> str:
    """Of an introduction that was undone: why is between us and the referrer."""
    return "Nothing: this introduction has ended."


def show_answered_before(lead: Lead, purpose: str, token: str) -> Any:
    """A second click changes nothing and shows what was said."""
    db.session.refresh(lead)
    return show_answer(lead, purpose, token, is_second_click=True), AlreadyAnswered.status


def show_over(lead: Lead) -> Any:
    return render_template("referrals/buyer_over.html", lead=lead), 410


def known_of_buyer(lead: Lead, purpose: str, token: str) -> dict[str, str]:
    """Filled in only for whoever reads the mail of that very address; whoever has another link may be anybody."""
    until = (clock.now().date() + USUAL_CONSENT).isoformat()
    blank = {"channel": Channel.EMAIL.value, "until": until}
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if not is_mailed_to(buyer.email or "", purpose=purpose, token=token):
        return blank
    return {**blank, "name": buyer.name or "", "email": buyer.email or ""}
