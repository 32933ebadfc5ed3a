"""Every state on every axis of a lead, its evidence, conversions and rewards; the only writers of them."""
from collections.abc import Mapping
from datetime import datetime

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.states import IllegalMove, check_move
from marketplace.referrals.models import (
    Clawback,
    ClawbackState,
    Consent,
    Conversion,
    ConversionState,
    Evidence,
    EvidenceState,
    KindState,
    Lead,
    Moderation,
    PartState,
    ReasonCode,
    Reward,
    RewardInKind,
    RewardState,
    Split,
    SplitPart,
    SplitState,
    Stage,
)

M, C, S, E, R = Moderation, Consent, Stage, EvidenceState, RewardState

MODERATION_MOVES: Mapping[Moderation, frozenset[Moderation]] = {
    M.SUBMITTED: frozenset({M.IN_REVIEW, M.NEEDS_INFO, M.DUPLICATE, M.WITHDRAWN}),
    M.IN_REVIEW: frozenset({M.ACCEPTED, M.REJECTED, M.DUPLICATE, M.NEEDS_INFO, M.WITHDRAWN}),
    M.NEEDS_INFO: frozenset({M.SUBMITTED, M.DUPLICATE, M.EXPIRED, M.WITHDRAWN}),
    M.ACCEPTED: frozenset({M.EXPIRED}),
    M.REJECTED: frozenset({M.IN_REVIEW}),  # Only through an appeal.
    M.DUPLICATE: frozenset({M.IN_REVIEW}),  # Only through an appeal.
    M.WITHDRAWN: frozenset(),
    M.EXPIRED: frozenset(),
}

ENDINGS = frozenset({M.REJECTED, M.DUPLICATE, M.WITHDRAWN, M.EXPIRED})
UNDOABLE = frozenset({M.ACCEPTED, M.REJECTED, M.NEEDS_INFO})  # While nobody was told: back to IN_REVIEW.

CONSENT_MOVES: Mapping[Consent, frozenset[Consent]] = {
    C.UNKNOWN: frozenset({C.ASKED}),
    C.ASKED: frozenset({C.GRANTED, C.REFUSED, C.NO_ANSWER}),
    C.GRANTED: frozenset({C.WITHDRAWN}),
    C.REFUSED: frozenset(),
    C.NO_ANSWER: frozenset(),
    C.WITHDRAWN: frozenset(),
}

STAGE_MOVES: Mapping[Stage, frozenset[Stage]] = {
    S.NEW: frozenset({S.INTRODUCED, S.QUALIFIED, S.WON, S.LOST, S.UNQUALIFIED}),
    S.INTRODUCED: frozenset({S.QUALIFIED, S.MEETING, S.NEGOTIATION, S.WON, S.LOST, S.UNQUALIFIED}),
    S.QUALIFIED: frozenset({S.MEETING, S.NEGOTIATION, S.WON, S.LOST, S.UNQUALIFIED}),
    S.MEETING: frozenset({S.NEGOTIATION, S.WON, S.LOST, S.UNQUALIFIED}),
    S.NEGOTIATION: frozenset({S.MEETING, S.WON, S.LOST}),
    S.LOST: frozenset({S.NEW}),  # They may come back, inside the protection window.
    S.WON: frozenset(),
    S.UNQUALIFIED: frozenset(),
}

EVIDENCE_MOVES: Mapping[EvidenceState, frozenset[EvidenceState]] = {
    E.PENDING: frozenset({E.CAPTURED, E.UNAVAILABLE, E.GIVEN}),
    E.CAPTURED: frozenset({E.PENDING}),
    E.UNAVAILABLE: frozenset({E.PENDING, E.GIVEN}),
    E.GIVEN: frozenset({E.PENDING}),
}

CONVERSION_MOVES: Mapping[ConversionState, frozenset[ConversionState]] = {
    ConversionState.APPROVED: frozenset({ConversionState.PARTIALLY_REVERSED, ConversionState.REVERSED}),
    ConversionState.PARTIALLY_REVERSED: frozenset(
        {ConversionState.PARTIALLY_REVERSED, ConversionState.REVERSED}),
    ConversionState.REVERSED: frozenset(),
}

REWARD_MOVES: Mapping[RewardState, frozenset[RewardState]] = {
    R.PENDING: frozenset({R.ON_HOLD, R.PAYABLE, R.VOIDED}),
    R.ON_HOLD: frozenset({R.PENDING, R.VOIDED}),
    R.PAYABLE: frozenset({R.SCHEDULED, R.VOIDED}),
    R.SCHEDULED: frozenset({R.PAID, R.PAYABLE}),
    R.PAID: frozenset(),
    R.VOIDED: frozenset(),
}

CLAWBACK_MOVES: Mapping[ClawbackState, frozenset[ClawbackState]] = {
    ClawbackState.REVERSING: frozenset({ClawbackState.TAKEN, ClawbackState.OUTSTANDING}),
    ClawbackState.OUTSTANDING: frozenset({ClawbackState.TAKEN}),
    ClawbackState.TAKEN: frozenset(),
}

SPLIT_MOVES: Mapping[SplitState, frozenset[SplitState]] = {
    SplitState.PROPOSED: frozenset({SplitState.AGREED, SplitState.DECLINED, SplitState.WITHDRAWN}),
    SplitState.AGREED: frozenset(),
    SplitState.DECLINED: frozenset(),
    SplitState.WITHDRAWN: frozenset(),
}

PART_MOVES: Mapping[PartState, frozenset[PartState]] = {
    PartState.ASKED: frozenset({PartState.AGREED, PartState.DECLINED}),
    PartState.AGREED: frozenset(),
    PartState.DECLINED: frozenset(),
}

KIND_MOVES: Mapping[KindState, frozenset[KindState]] = {
    KindState.OWED: frozenset({
        KindState.OFFERED, KindState.DECLINED, KindState.FORGIVEN, KindState.EXPIRED}),
    KindState.OFFERED: frozenset({KindState.FULFILLED, KindState.OWED}),  # Owed again only by a dispute,
    KindState.FULFILLED: frozenset({KindState.ACKNOWLEDGED, KindState.OWED}),  # here and below.
    KindState.ACKNOWLEDGED: frozenset(),
    KindState.DECLINED: frozenset(),
    KindState.FORGIVEN: frozenset(),
    KindState.EXPIRED: frozenset({KindState.OWED}),
}


def open_lead(lead: Lead, *, by: str) -> None:
    """A new lead, first of its business for this post and this buyer. IntegrityError if it is not."""
    lead.moderation = M.SUBMITTED
    lead.evidence.state = E.PENDING if lead.evidence.url else E.GIVEN
    db.session.add(lead)
    db.session.flush()
    audit.record("lead.submitted", lead.id, by=by)


def open_duplicate(lead: Lead, *, of: Lead, by: str) -> None:
    """A new lead for a buyer who was pointed out before: kept, explained, open to appeal."""
    lead.moderation, lead.duplicate_of_id = M.DUPLICATE, of.id
    lead.evidence.state = E.PENDING if lead.evidence.url else E.GIVEN
    db.session.add(lead)
    db.session.flush()
    audit.record("lead.submitted", lead.id, by=by)
    audit.record("lead.duplicate", lead.id, by=audit.SYSTEM)


def open_tracked(lead: Lead, *, by: str) -> None:
    """A new lead of a buyer who came by a link or a code: accepted, for there is nothing to moderate."""
    lead.moderation, lead.stage = M.ACCEPTED, S.NEW
    lead.decided_at, lead.decided_by = clock.now(), audit.SYSTEM
    lead.evidence.state = E.GIVEN
    db.session.add(lead)
    db.session.flush()
    audit.record("lead.came", lead.id, by=by, through=lead.source)


def open_known(lead: Lead, *, by: str) -> None:
    """A new lead for somebody whom the business knew before: refused with that reason, open to appeal."""
    lead.moderation, lead.reason_code = M.REJECTED, ReasonCode.ALREADY_KNOWN
    lead.decided_at, lead.decided_by = clock.now(), audit.SYSTEM
    lead.evidence.state = E.PENDING if lead.evidence.url else E.GIVEN
    db.session.add(lead)
    db.session.flush()
    audit.record("lead.submitted", lead.id, by=by)
    audit.record("lead.rejected", lead.id, by=audit.SYSTEM, reason=ReasonCode.ALREADY_KNOWN)


def move(lead: Lead, target: Moderation, *, by: str, reason: str = "") -> None:
    check_move(MODERATION_MOVES, lead.moderation, target)
    audit.record(f"lead.{target}", lead.id, by=by, was=lead.moderation, reason=reason)
    lead.moderation, lead.tell_at = target, None
    if lead.is_held and target in ENDINGS:
        outbox.promise("end_case_with_lead", lead_id=lead.id)


def take_back(lead: Lead, *, by: str) -> None:
    """In review again, for the decision was told to nobody: what it opened is closed."""
    if lead.tell_at is None or lead.moderation not in UNDOABLE:
        raise IllegalMove("What was told cannot be undone.", next_step="Reload the page to see where it stands now.")
    audit.record("lead.in_review", lead.id, by=by, was=lead.moderation, reason="undone before anybody was told")
    if lead.stage is not None:
        audit.record("stage.undone", lead.id, by=by, was=lead.stage)
    lead.moderation, lead.tell_at, lead.stage = M.IN_REVIEW, None, None


def move_consent(lead: Lead, target: Consent, *, by: str, reason: str = "", **details: str) -> None:
    check_move(CONSENT_MOVES, lead.consent, target)
    audit.record(f"consent.{target}", lead.id, by=by, was=lead.consent, reason=reason, **details)
    lead.consent = target


def move_stage(lead: Lead, target: Stage, *, by: str, reason: str = "", words: str = "") -> None:
    """``words``: the id of what a person wrote of it (kept_words.py), which is not for the trail."""
    check_move(STAGE_MOVES, lead.stage or Stage.NEW, target)
    audit.record(f"stage.{target}", lead.id, by=by, was=lead.stage, reason=reason, words=words)
    lead.stage = target


def open_stages(lead: Lead, *, by: str) -> None:
    """A lead that is accepted starts its way through the stages."""
    audit.record("stage.new", lead.id, by=by)
    lead.stage = Stage.NEW


def protect_until(lead: Lead, until: datetime, *, by: str, reason: str, **details: float) -> None:
    """The referrer's protection lasts longer than was said when the lead was accepted."""
    audit.record("lead.protected", lead.id, by=by, until=until.isoformat(), reason=reason, **details)
    lead.protected_until = until


def move_evidence(evidence: Evidence, target: EvidenceState, *, by: str, reason: str = "") -> None:
    check_move(EVIDENCE_MOVES, evidence.state, target)
    audit.record(f"evidence.{target}", evidence.lead_id, by=by, was=evidence.state, reason=reason)
    evidence.state = target


def move_conversion(conversion: Conversion, target: ConversionState, *, by: str) -> None:
    check_move(CONVERSION_MOVES, conversion.state, target)
    audit.record(f"conversion.{target}", conversion.id, by=by, was=conversion.state)
    conversion.state = target


def move_reward(reward: Reward, target: RewardState, *, by: str, reason: str = "", words: str = "") -> None:
    check_move(REWARD_MOVES, reward.state, target)
    audit.record(f"reward.{target}", reward.id, by=by, was=reward.state, reason=reason, words=words)
    reward.state = target


def move_clawback(clawback: Clawback, target: ClawbackState, *, by: str) -> None:
    check_move(CLAWBACK_MOVES, clawback.state, target)
    audit.record(f"clawback.{target}", clawback.id, by=by, was=clawback.state)
    clawback.state = target


def move_split(split: Split, target: SplitState, *, by: str, reason: str = "") -> None:
    check_move(SPLIT_MOVES, split.state, target)
    audit.record(f"split.{target}", split.id, by=by, was=split.state, reason=reason)
    split.state = target


def move_part(part: SplitPart, target: PartState, *, by: str, user_id: str | None = None) -> None:
    """``user_id`` names whose part it is, once they have agreed."""
    check_move(PART_MOVES, part.state, target)
    audit.record(f"part.{target}", part.split_id, by=by)
    part.state, part.user_id, part.answered_at = target, user_id, clock.now()


def move_kind(thing: RewardInKind, target: KindState, *, by: str, reason: str = "") -> None:
    check_move(KIND_MOVES, thing.state, target)
    audit.record(f"kind.{target}", thing.id, by=by, was=thing.state, reason=reason)
    thing.state = target
