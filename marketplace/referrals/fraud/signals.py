"""What a machine can tell a moderator about a lead: facts with their reasons, never a verdict."""
from dataclasses import dataclass

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.referrals import lifecycle
from marketplace.referrals.check_words import tell_checks
from marketplace.referrals.fraud.rules import RULES
from marketplace.referrals.fraud.scoring import look_at, looks_at
from marketplace.referrals.models import Evidence, EvidenceState, FraudScore, Lead, Moderation, Point
from marketplace.referrals.post_age import days_old, days_old_by_mails


@dataclass(frozen=True)
class Signal:
    """``tone`` is ok, warn or mute; ``words`` say what was seen and why it matters."""

    tone: str
    words: str


@dataclass(frozen=True)
class FraudSignal:
    """A rule that a look found, with its weight of that day and the reason in an admin's words."""

    rule: str
    weight: int
    reason: str
    plainly: str  # For the person concerned.


def begin_review(lead_id: str) -> None:
    """Job, or the end of capturing: the lead stands in the moderators' queue, looked at for signs of fraud."""
    lead = db.session.get_one(Lead, lead_id)
    if lead.moderation is Moderation.SUBMITTED:
        lifecycle.move(lead, Moderation.IN_REVIEW, by=audit.SYSTEM)
        look_at(lead, Point.POINTING)


def signals_on(lead: Lead) -> list[FraudSignal]:
    """Of the latest look, heaviest first: all that was found of this lead so far, less what a person let go."""
    looks = looks_at(lead.id)
    return signals_of(looks[-1]) if looks else []


def signals_of(look: FraudScore) -> list[FraudSignal]:
    """Heaviest first. A rule that is no more is left out."""
    found = [FraudSignal(key, weight, RULES[key].says.format(counted), RULES[key].plainly)
             for key, weight, counted in look.reasons if key in RULES]
    return sorted(found, key=lambda one: (-one.weight, one.rule))


def read_signals(lead: Lead) -> list[Signal]:
    """For the moderator: the post, its age, and the signs of fraud with what each weighs."""
    fraud = [Signal("warn", f"{one.reason} ({one.weight} of 100)") for one in signals_on(lead)]
    again = [Signal(tone, words) for tone, words in tell_checks(lead)]
    return [*_quote_signals(lead), *again, *_age_signals(lead), *fraud, *_people_signals(lead)]


def _quote_signals(lead: Lead) -> list[Signal]:
    evidence = lead.evidence
    if evidence.state is EvidenceState.GIVEN:
        return [_given_signal(evidence)]
    if evidence.quote_found:
        return [Signal("ok", "The quoted sentence stands in the post, word for word.")]
    if evidence.quote_found is None:
        return [Signal("mute", "The post has not been read yet.")]
    return [Signal("warn", "The quoted sentence was not found in the post.")]


def _given_signal(evidence: Evidence) -> Signal:
    if evidence.quote_found:
        return Signal("mute", "The quoted sentence stands in a file that the referrer gave.")
    why = "The page could not be read" if evidence.url else "There is no address"
    return Signal("warn", f"{why}: the referrer gave what stands here, so nobody can check it.")


def _age_signals(lead: Lead) -> list[Signal]:
    evidence, days, of_mails = lead.evidence, days_old(lead), days_old_by_mails(lead)
    what = "The post was" if evidence.published_on else "By the referrer’s word it was"
    allowed = lead.terms.evidence_days
    told = [] if days is None else [_age_signal(what, days, allowed)]
    told += [_age_signal("By its own date a mail that was given was", one, allowed) for one in of_mails]
    if any(one.tone == "warn" for one in told) and evidence.age_reason:
        told.append(Signal("mute", f"Why it still holds, says the referrer: “{evidence.age_reason}”"))
    return told or [Signal("mute", "The post does not say when it was written.")]


def _age_signal(what: str, days: int, allowed: int) -> Signal:
    if days > allowed:
        asked = f"these terms ask for {allowed} or fewer"
        return Signal("warn", f"{what} {days} days old when it was pointed out; {asked}.")
    age = f"{days} day{'' if days == 1 else 's'}" if days > 0 else "less than a day"
    return Signal("ok", f"{what} {age} old when it was pointed out.")


def _people_signals(lead: Lead) -> list[Signal]:
    if (clock.now() - lead.referrer.created_at).days < 1:
        return [Signal("mute", "The referrer joined less than a day ago.")]
    return []
