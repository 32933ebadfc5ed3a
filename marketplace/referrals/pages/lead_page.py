"""One page per lead; who reads it decides what stands on it. Every action on a lead comes back here."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from marketplace.bounties.preview import plain_terms, reward_sign
from marketplace.bounties.rule_words import percent_text
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.money import show_money
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.money_out.bank_payouts import failed_at_bank
from marketplace.referrals.afterwards import may_renew
from marketplace.referrals.appeals import came_of_appeal, may_be_appealed
from marketplace.referrals.asking import buyer_link
from marketplace.referrals.audience import Audience, audience_of, reader_of
from marketplace.referrals.beside import leads_beside, signals_beside
from marketplace.referrals.contact import SeenLead, is_open_to_business, note_case_opened, note_post_opened
from marketplace.referrals.deadlines import INFO_WAITED_FOR, accepted_by_default
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.desk.claims import claim_lead
from marketplace.referrals.desk.deciders import may_open
from marketplace.referrals.desk.record import refusal_appealed
from marketplace.referrals.disclosure import disclosure_of
from marketplace.referrals.disputes.denied import disputes_no_until
from marketplace.referrals.disputes.permissions import may_claim, reads_as, waits_for
from marketplace.referrals.disputes.queries import disputes_of_lead
from marketplace.referrals.disputes.subjects import kinds_for
from marketplace.referrals.disputes.witness_words import say_word
from marketplace.referrals.disputes.words import next_in_words, state_in_words, title_of
from marketplace.referrals.for_funds import find_due, wait_in_words
from marketplace.referrals.fraud.effects import NOT_GENUINE
from marketplace.referrals.fraud.queries import standing_of
from marketplace.referrals.fraud.signals import read_signals
from marketplace.referrals.fraud.words import cases_of, has_unsent, said_of, what_came_of
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.lawful import lowering_of, promised_in_words
from marketplace.referrals.legal_clocks import last_day_untold
from marketplace.referrals.letters import REASONS, reason_in_words
from marketplace.referrals.models import (
    Consent,
    DisputeSide,
    EvidenceState,
    Lead,
    Moderation,
    ReasonCode,
    Reward,
    RewardState,
    SplitState,
    Stage,
)
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.next_step import next_step
from marketplace.referrals.ownership import bought_elsewhere
from marketplace.referrals.pages.acting import is_done
from marketplace.referrals.pages.case_page import desk_of, is_on_desk
from marketplace.referrals.pages.earned import earned_parts
from marketplace.referrals.pages.evidence_beside import evidence_beside
from marketplace.referrals.pages.evidence_text import mark_quote, mark_shared
from marketplace.referrals.pages.steps import steps_of
from marketplace.referrals.permissions import may_give_money_back, may_moderate, may_work
from marketplace.referrals.queries import (
    conversions_of,
    find_conversion,
    find_live_grant,
    get_lead,
    has_finding,
    is_buyer_address_known,
    is_found_false,
    record_of_business,
    record_of_referrer,
    refunded_amounts,
    rewards_of_lead,
)
from marketplace.referrals.returned import returned_among
from marketplace.referrals.reward_schemas import ROWS, typed_split
from marketplace.referrals.reward_words import part_in_words, reward_next, thing_at_start, thing_next
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.sharing import UNDECIDED, find_share_of_first, latest_split, seconds_to_share_with
from marketplace.referrals.stages import is_introduced, may_sell, open_moves
from marketplace.referrals.timeline import tell_story
from marketplace.referrals.waiting import why_waiting

bp = Blueprint("lead", __name__)

LIVE = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO, Moderation.ACCEPTED})
OPEN = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO})
WORKABLE = frozenset({Consent.GRANTED, Consent.WITHDRAWN})


@dataclass
class Blank:
    """A form that nobody has sent; shaped like Form for the macros."""

    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, list[str]] = field(default_factory=dict)


@bp.get("/leads/<lead_id>")
@signed_in
def show(lead_id: str) -> Any:
    user = signed_in_user()
    lead = get_lead(lead_id, seen_by=user)
    if audience_of(user, lead) is Audience.ADMIN:
        with transaction():
            note_case_opened(*_with_those_beside(get_lead(lead_id, seen_by=user), user), by=user)
    elif audience_of(user, lead) is Audience.BUSINESS and SeenLead(lead, by=user).shows_evidence:
        with transaction():
            note_post_opened(get_lead(lead_id, seen_by=user), by=user)
        lead = get_lead(lead_id, seen_by=user)
    if lead.moderation is Moderation.IN_REVIEW and may_open(user, lead):
        with transaction():  # Whoever opens a case has it: others see so, and do not decide it too.
            claim_lead(get_lead(lead_id, seen_by=user), by=user)
        lead = get_lead(lead_id, seen_by=user)
    return show_lead(lead, user)


def _with_those_beside(lead: Lead, user: User) -> list[Lead]:
    """Whose posts stand on the page too."""
    return [lead, *(one.lead for one in leads_beside(lead) if may_moderate(user, one.lead))]


def act_on_lead(lead_id: str, name: str, form: Form, verb: Callable[[Lead, User], str]) -> Any:
    """One verb in one transaction, then back to the page; a refusal stands beside the form ``name``.

    ``verb`` gives the sentence that says what happened.
    """
    user = signed_in_user()
    if is_done(form, lambda: verb(get_lead(lead_id, seen_by=user), user)):
        return redirect(url_for("lead.show", lead_id=lead_id))
    return show_lead(get_lead(lead_id, seen_by=user), user, forms={name: form}), form.status


def show_lead(
    lead: Lead, user: User, *, forms: Mapping[str, Form] | None = None, refusal: DomainError | None = None,
    sale_preview: Any = None, refund_preview: Any = None, renewal_preview: Any = None,
) -> str:
    audience = audience_of(user, lead)
    lead = lead if audience is Audience.ADMIN else as_told(lead)
    rewards, conversion, grant = rewards_of_lead(lead), find_conversion(lead), find_live_grant(lead)
    is_open = is_open_to_business(lead, grant)
    to, sent = reader_of(lead, audience), dict(forms or {})
    is_case = audience is Audience.ADMIN and is_on_desk(lead)
    disputes, word, cases = disputes_of_lead(lead, seen_by=user), word_of(lead), cases_of([lead])
    of_look, money_back = said_of(cases.get(lead.id), lead, audience, rewards), money_back_of(rewards)
    return render_template(
        "referrals/case.html" if is_case else "referrals/lead.html", lead=lead,
        audience=audience, refusal=refusal, rewards=rewards, conversion=conversion,
        refunded=refunded_amounts(lead), steps=steps_of(lead, rewards, money_back),
        story=tell_story(lead, audience), say=next_step(lead, audience, rewards, cases=cases, word=word),
        is_of_look=of_look is not None, due=None if of_look else _due(lead),
        earned=earned_parts(lead, conversions_of(lead), rewards, things_of_lead(lead)),
        reward_next=lambda one: reward_next(one, to), thing_next=lambda one: thing_next(one, to),
        thing_in_words=thing_at_start, percent=percent_text,
        plain_terms=plain_terms(lead.terms), reward=promised_in_words(lead), reasons=REASONS,
        reason_in_words=reason_in_words,
        sign=reward_sign(lead.terms), costs_money=worst_case(lead.terms).minor > 0, lowered=lowering_of(lead),
        evidence=lead.evidence if audience is not Audience.BUSINESS or is_open else None,
        **evidence_beside(lead, is_seen=audience is not Audience.BUSINESS or is_open, by=user),
        grant=grant if is_open else None, form=lambda name: sent.get(name, Blank()), is_sent=sent.__contains__,
        has_receipt=audience is Audience.BUSINESS and lead.consent in WORKABLE,
        word=word if conversion is None else None,
        disputes_no_until=disputes_no_until(lead) if word and word.may_be_disputed else None,
        sale_preview=sale_preview, refund_preview=refund_preview, renewal_preview=renewal_preview,
        held=standing_of(lead), has_unsent=has_unsent(rewards), came_of=what_came_of(rewards),
        returned=returned_among([one for one in rewards if one.void_reason or is_found_false(lead.id)]),
        money_back=money_back, now=clock.now(), today=clock.now().date(),
        waits={reward.id: why for reward in rewards if (why := why_waiting(reward, to))},
        disputes=disputes, dispute_to_answer=next((one for one in disputes if waits_for(user, one)), None),
        may_dispute=_may_dispute(lead, user), dispute_title=title_of,
        is_taken_back=any(money_back[one.id].given for one in rewards),
        is_taken_by_order=any(money_back[one.id].is_ordered for one in rewards if one.beneficiary_id == user.id),
        dispute_badge=lambda one: state_in_words(one, reads_as(user, one)),
        dispute_next=lambda one: next_in_words(one, reads_as(user, one)), say_word=say_word,
        **(desk_of(lead, user) if is_case else {}), **_ACTIONS[audience](lead, user, rewards))


def _may_dispute(lead: Lead, user: User) -> bool:
    """Whether there is anything that they could claim as it stands."""
    if may_claim(user, lead, DisputeSide.REFERRER):
        return bool(kinds_for(lead))
    return may_claim(user, lead, DisputeSide.BUSINESS) and bool(kinds_for(lead, for_business=True))


def _due(lead: Lead) -> Any:
    """By when the next one has to act, where there is a clock."""
    if lead.moderation is Moderation.NEEDS_INFO and lead.question_asked_at:
        return lead.question_asked_at + INFO_WAITED_FOR
    if lead.moderation in {Moderation.SUBMITTED, Moderation.IN_REVIEW}:
        return find_due(lead)
    if lead.moderation is Moderation.ACCEPTED and lead.consent is Consent.ASKED:
        return lead.consent_due_at
    if lead.moderation is Moderation.ACCEPTED and lead.stage is not Stage.WON:
        return lead.protected_until
    return None


def _for_referrer(lead: Lead, user: User, rewards: list[Reward]) -> dict[str, Any]:
    passes_on = (lead.moderation is Moderation.ACCEPTED and lead.consent is Consent.ASKED
                 and not is_buyer_address_known(lead))
    return {
        "may_withdraw": lead.moderation in OPEN, "may_answer": lead.moderation is Moderation.NEEDS_INFO,
        "may_appeal": may_be_appealed(lead), "appeal_until": last_day_untold(lead),
        "appealed": refusal_appealed(lead), "came_of_appeal": came_of_appeal(lead),
        "buyer_link": buyer_link(lead) if passes_on else None,
        "at_bank": failed_at_bank(reward.id for reward in rewards if reward.beneficiary_id == user.id),
        "share_of_first": find_share_of_first(lead) if lead.moderation is Moderation.DUPLICATE else None,
        **_split_of(lead), "takes_text": lead.evidence.state not in {EvidenceState.CAPTURED, EvidenceState.PENDING},
        "disclosure": disclosure_of(lead),
    }


def _split_of(lead: Lead) -> dict[str, Any]:
    """The split that stands, or was the last; what may be done with it; and the form for another."""
    split = latest_split(lead)
    is_open = split is not None and split.state is SplitState.PROPOSED
    is_fixed = split is not None and split.state is SplitState.AGREED
    return {
        "split": split, "may_split": lead.moderation in UNDECIDED and not is_fixed, "may_withdraw_split": is_open,
        "split_rows": ROWS, "split_typed": Blank(typed=typed_split(split if is_open else None)),
        "seconds": [] if is_fixed else seconds_to_share_with(lead),
    }


def _for_business(lead: Lead, user: User, rewards: list[Reward]) -> dict[str, Any]:
    is_workable = lead.moderation is Moderation.ACCEPTED and is_introduced(lead) and may_work(user, lead)
    moves = open_moves(lead) if is_workable else frozenset()
    refundable = [(one.id, f"{show_money(one.amount)}, {part_in_words(one)}") for one in conversions_of(lead)
                  if one.amount_minor > one.refunded_minor]
    return {
        "is_over": lead.moderation is Moderation.ACCEPTED and lead.consent is Consent.WITHDRAWN,
        "is_closed_off": is_workable and (lead.is_held or has_finding(lead.id)),
        "stages": [stage for stage in Stage if stage in moves and stage is not Stage.WON],
        "may_sell": may_sell(lead, user),
        "bought_by": bought_elsewhere([lead]).get(lead.id) if Stage.WON in moves else None,
        "may_refund": (lead.stage is Stage.WON and bool(refundable) and may_give_money_back(user, lead)
                       and not (rewards and all(reward.void_reason == NOT_GENUINE for reward in rewards))),
        "refundable": refundable,
        "may_renew": may_work(user, lead) and may_renew(lead, find_conversion(lead)),
        "may_settle": may_work(user, lead), "may_donate": may_give_money_back(user, lead),
        "latest_until": clock.now().date() + timedelta(days=180),
    }


def _for_admin(lead: Lead, user: User, rewards: list[Reward]) -> dict[str, Any]:
    beside, accepted_at_last = leads_beside(lead), accepted_by_default(lead.submitted_at)
    is_in_review, due = lead.moderation is Moderation.IN_REVIEW, _due(lead)
    return {
        "beside": [(one, *_two_texts(lead, one.lead)) for one in beside if may_moderate(user, one.lead)],
        "may_rule": lead.moderation in LIVE,
        "split": latest_split(lead),
        "may_decide": is_in_review,
        "signals": [*read_signals(lead), *signals_beside(lead, beside)],
        "is_late": is_in_review and due is not None and due < clock.now(),
        "accepted_at_last": accepted_at_last, "is_past_default": accepted_at_last < clock.now(),
        "unfunded": wait_in_words(lead) if is_in_review and due is None else "",
        "post": mark_quote(lead.evidence.text, lead.evidence.quote), "codes": list(ReasonCode),
        "referrer_record": record_of_referrer(lead.referrer_id),
        "business_record": record_of_business(lead.business_id),
        "freezable": {reward.id for reward in rewards if reward.state is RewardState.PENDING},
        "frozen": {reward.id for reward in rewards if reward.state is RewardState.ON_HOLD},
    }


def _two_texts(lead: Lead, other: Lead) -> tuple[Any, Any]:
    """Both posts in paragraphs, what they share marked."""
    ours, theirs = lead.evidence.text, other.evidence.text
    return mark_shared(ours, theirs), mark_shared(theirs, ours)


_ACTIONS: dict[Audience, Callable[[Lead, User, list[Reward]], dict[str, Any]]] = {
    Audience.REFERRER: _for_referrer, Audience.BUSINESS: _for_business, Audience.ADMIN: _for_admin,
}
