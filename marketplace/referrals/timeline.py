"""Each party's own story of a lead: what happened, told from the audit trail."""
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select

from marketplace.bounties.models import For
from marketplace.bounties.rules import worst_case
from marketplace.foundation import audit, clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.fetch import FetchFailure, say_failure
from marketplace.foundation.money import show_money
from marketplace.identity.models import User
from marketplace.payments.money_out.came_back import How
from marketplace.referrals.asking import BY_REFERRER
from marketplace.referrals.audience import Audience, reader_of
from marketplace.referrals.consent import BUYER
from marketplace.referrals.desk.as_told import is_untold, untold_spans
from marketplace.referrals.disputes.witness_words import outcome_to_buyer, story_of_witness
from marketplace.referrals.disputes.words import claimant_in_words, respondent_in_words, title_of
from marketplace.referrals.fraud.effects import NOT_GENUINE
from marketplace.referrals.kept_words import words_kept
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import (
    Consent,
    Conversion,
    Dispute,
    DisputeSide,
    Lead,
    ReasonCode,
    Reward,
    RewardInKind,
    Split,
    Stage,
)
from marketplace.referrals.money_back import MoneyBack, money_back_of
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.reward_words import OUT_OF, OUT_OF_YOURS, part_in_words, thing_in_words
from marketplace.referrals.story_words import INSIDERS, PASSED_ON, SPOKEN_TO, WITNESS, WORDS, A, B, R, Y


@dataclass(frozen=True)
class Happening:
    """One line of a story. ``tone`` is ok, warn, bad, info or mute."""

    at: datetime
    title: str
    text: str
    tone: str


ENDED = WORDS["lead.expired"][1]
ONE_OPENING = timedelta(minutes=10)  # A page that is loaded again is one line here; the trail has every one.
LOOKS = frozenset({"contact.opened", "case.opened", "post.opened", "evidence.file_seen"})
ENDS = frozenset({"dispute.resolved_for_claimant", "dispute.resolved_for_respondent", "dispute.split",
                  "dispute.withdrawn"})
PARTY = {R: "referrer", B: "business", Y: "buyer"}  # The side of a dispute whose story it is too.


def tell_story(lead: Lead, audience: Audience, *, is_proven: bool = True) -> list[Happening]:
    """Oldest first. Actors are named by their part, never by their name, but for admins.

    ``is_proven``: not, where a link that was passed on opened the buyer's page: what they say as witness is not in it.
    """
    back = money_back_of(db.session.scalars(select(Reward).where(Reward.lead_id == lead.id).order_by(Reward.id)))
    about = _subjects(lead, audience, back.values())
    as_witness = _seen_as_witness(lead) if audience is Y and is_proven else {}
    told, opened_at = [], dict[str, datetime]()
    untold = untold_spans(lead) if audience is not A else []
    written = {one.id: one.text for one in words_kept(lead)}
    for event in db.session.scalars(audit.events_about(lead.id, *about, *as_witness)):
        if is_untold(event.action, event.created_at, untold):
            continue
        if event.subject_id in as_witness:
            told += _to_witness(event, as_witness[event.subject_id])
            continue
        if audience is Y and event.action == "fraud.proven" and lead.stage is Stage.WON:  # Any other one expires too.
            told.append(Happening(event.created_at, ENDED, "", "mute"))
            continue
        if event.action in LOOKS:
            look = event.action + event.actor_id
            last, opened_at[look] = opened_at.get(look), event.created_at
            if last is not None and event.created_at - last < ONE_OPENING:
                continue
        plain = event.action.replace(".", " ").replace("_", " ").capitalize()
        readers, title, tone = WORDS.get(event.action, (frozenset({A}), plain, "mute"))
        if audience in readers:
            words = _words(event, lead, audience, title)
            more = _more(event, lead, audience, about.get(event.subject_id, ""))
            beside = written.get(event.details.get("words", ""), "") if _may_read_words(event, audience) else ""
            more = " · ".join(part for part in (more, beside) if part)
            told.append(Happening(event.created_at, words, more, tone))
    if audience is Y:
        told += _yes_over(lead, [one.at for one in told if one.title == ENDED])
    else:
        told += [one for each in back.values() for one in _ordered_back(each, lead, audience)]
    return sorted(told, key=lambda one: one.at)


def _yes_over(lead: Lead, ended: Sequence[datetime]) -> list[Happening]:
    """The day that the buyer chose ends their yes, unless it had ended before: the trail has no event of it."""
    grant = find_live_grant(lead) if lead.consent is Consent.GRANTED else None
    if grant is None:
        return []
    over = datetime.combine(grant.until + timedelta(days=1), time.min, UTC)
    if clock.now() < over or any(at < over for at in ended):
        return []
    return [Happening(over, "Your yes ended: the day that you chose was over", "", "mute")]


def _ordered_back(back: MoneyBack, lead: Lead, audience: Audience) -> Iterator[Happening]:
    """What admins took of a transfer: once as they ordered it, then each time that some of it came back."""
    which, is_theirs = _which(back.reward), audience is R and back.reward.beneficiary_id == lead.referrer_id
    for order in {one.order.id: one.order for one in back.takings if one.order}.values():
        amount = show_money(back.ordered(order))
        more = [f"{amount} of {which}"]
        if audience is B:
            fee = f"; {show_money(order.fee)} of our fee is there already" if order.fee.minor else ""
            more.append(f"it returns to the bounty’s funds as soon as Stripe has it{fee}")
        elif audience is A or is_theirs:
            more.append(order.why)
        yield Happening(order.at, "An admin takes back money that was sent", " · ".join(more), "warn")
    for one in back.moved:
        if one.order:
            taken = "It is owed no more" if one.how is How.OURS else "Money that was sent was taken back"
            title = "Back in the bounty’s funds" if audience is B else taken
            out_of = (OUT_OF_YOURS if is_theirs else OUT_OF)[one.how]
            yield Happening(one.at, title, f"{show_money(one.amount)} of {which} · by an admin, {out_of}",
                            "ok" if audience is B else "warn")


def _subjects(lead: Lead, audience: Audience, backs: Collection[MoneyBack]) -> dict[str, str]:
    """Everything that belongs to a lead and has a story, with the words that tell which of them it is."""
    about = {back.reward.id: _which(back.reward) for back in backs}
    about |= {clawback_id: f"{show_money(amount)} of {_which(back.reward)}" for back in backs
              for clawback_id, amount in back.by_clawback.items() if amount.minor or audience is A}
    about |= {one.id: part_in_words(one) for one in db.session.scalars(
        select(Conversion).where(Conversion.lead_id == lead.id))}
    about |= {one.id: title_of(one) for one in db.session.scalars(
        select(Dispute).where((Dispute.lead_id == lead.id) | (Dispute.about_id == lead.id)))
        if audience is A or PARTY[audience] in (one.claimant_side.value, one.respondent_side.value)}
    about |= {one.id: thing_in_words(one) for one in db.session.scalars(
        select(RewardInKind).where(RewardInKind.lead_id == lead.id))}
    return about | dict.fromkeys(db.session.scalars(select(Split.id).where(Split.lead_id == lead.id)), "")


def _seen_as_witness(lead: Lead) -> dict[str, Dispute]:
    """Disputes of others in which the buyer was asked: of these they read that, what they said, and the end."""
    return {one.id: one for one in db.session.scalars(select(Dispute).where(
        Dispute.lead_id == lead.id, Dispute.witness_asked_at.is_not(None),
        Dispute.claimant_side != DisputeSide.BUYER))}


def _to_witness(event: AuditEvent, dispute: Dispute) -> list[Happening]:
    if event.action in WITNESS:
        return [Happening(event.created_at, story_of_witness(event, dispute, Y), "", "info")]
    if event.action not in ENDS:
        return []
    return [Happening(event.created_at, outcome_to_buyer(dispute).removesuffix("."), "", "info")]


def _which(reward: Reward) -> str:
    whose = ", the buyer’s share" if reward.whom is For.BUYER else ""
    return f"{show_money(reward.amount)} {part_in_words(reward)}{whose}"


def _words(event: AuditEvent, lead: Lead, audience: Audience, title: str) -> str:
    """``title``, or what this one was in particular."""
    if event.action == "consent.asked" and event.details.get("through") == BY_REFERRER:
        return PASSED_ON[audience]
    if event.action == "reward.pending" and event.details.get("was") == "on_hold":
        return "The hold is over"
    if _is_appeal(event) and audience is not Y:
        return "Appealed: another moderator looks at it"
    if event.action == "lead.accepted" and audience is not Y and not worst_case(lead.terms).minor:
        return "Accepted by moderation"
    if event.action.startswith(("dispute.", "witness.")):
        dispute = db.session.get_one(Dispute, event.subject_id)
        return story_of_witness(event, dispute, audience) if event.action in WITNESS else (
            _of_dispute(title, dispute, reader_of(lead, audience)))
    return SPOKEN_TO[audience].get(event.action, title)


def _of_dispute(title: str, dispute: Dispute, to: str | None) -> str:
    claimant, respondent = claimant_in_words(dispute, to), respondent_in_words(dispute, to)
    return title.format(claimant=claimant, respondent=respondent, Respondent=respondent.capitalize())


def _is_appeal(event: AuditEvent) -> bool:
    return event.action == "lead.in_review" and event.details.get("reason") == "appeal"


def _more(event: AuditEvent, lead: Lead, audience: Audience, about: str) -> str:
    is_said = event.action in SPOKEN_TO[audience] or (event.action in WITNESS and event.actor_id == BUYER)
    parts = [about, "" if is_said else _actor(event.actor_id, lead, audience)]
    if (reason := event.details.get("reason")) and not _is_appeal(event) and _may_read_reason(event, audience):
        parts.append(_reason_in_words(str(reason)))
    return " · ".join(part for part in parts if part)


def _may_read_reason(event: AuditEvent, audience: Audience) -> bool:
    """A buyer reads that it ended, and is accused of nothing."""
    if audience is Y:
        return bool(event.details["reason"] != NOT_GENUINE)
    return _may_read_words(event, audience)


def _may_read_words(event: AuditEvent, audience: Audience) -> bool:
    """What an admin writes of signs of fraud is for the referrer: it may tell of their leads for other businesses."""
    return audience in INSIDERS or not event.action.startswith("fraud.")


def _reason_in_words(reason: str) -> str:
    """Codes as sentences; what a person or a rule wrote stays as it is."""
    if reason in set(ReasonCode):
        return REASONS[ReasonCode(reason)]
    if reason in set(FetchFailure):
        return say_failure(FetchFailure(reason))
    return {"never": "and never again", "appeal": "as an appeal: another person decides",
            "empty": "There was no text on the page."}.get(reason, reason.replace("_", " "))


def _actor(actor_id: str, lead: Lead, audience: Audience) -> str:
    if actor_id == audit.SYSTEM:
        return "automatically" if audience is A else ""
    if actor_id == BUYER:
        return "" if audience is Y else "by the buyer"
    if actor_id == lead.referrer_id:
        return "by you" if audience is R else "by the referrer"
    if audience is A:
        person = db.session.get(User, actor_id)
        return f"by {person.name}" if person else actor_id
    return ""
