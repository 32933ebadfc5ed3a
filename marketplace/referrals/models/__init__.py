"""Tables of a lead's way, by theme. Columns, constraints and states only; rules live beside the verbs."""
from marketplace.referrals.models.disputes import (
    LIVE_DISPUTES,
    Dispute,
    DisputeKind,
    DisputeSide,
    DisputeState,
    DisputeStatement,
    Ending,
    Respondent,
    WitnessAnswer,
    WitnessSaid,
    WitnessWord,
)
from marketplace.referrals.models.evidence import CheckMoment, CheckOutcome, EvidenceCheck, EvidenceFile, FileKind
from marketplace.referrals.models.fraud import FOUND_FRAUD, CaseState, FraudCase, FraudScore, Point, Verdict
from marketplace.referrals.models.holds import RewardHold
from marketplace.referrals.models.leads import (
    LIVE_LEADS,
    Acquaintance,
    Buyer,
    Channel,
    Consent,
    ConsentGrant,
    Evidence,
    EvidenceState,
    Lead,
    LeadSource,
    LeadWords,
    Moderation,
    ReasonCode,
    Stage,
    Suppression,
)
from marketplace.referrals.models.moderation import Decided, Decision, Escalation, LeadClaim
from marketplace.referrals.models.nearness import BuyerRuling, KnownContact, LeadSignature, lead_bands
from marketplace.referrals.models.rewards import (
    SAID_BY_PEOPLE,
    Choice,
    Clawback,
    ClawbackState,
    Conversion,
    ConversionKind,
    ConversionSource,
    ConversionState,
    Reward,
    RewardState,
    SaleRefund,
)
from marketplace.referrals.models.sharing import (
    KindState,
    PartState,
    RewardInKind,
    Split,
    SplitPart,
    SplitState,
    Thing,
)

__all__ = [
    "FOUND_FRAUD", "LIVE_DISPUTES", "LIVE_LEADS", "SAID_BY_PEOPLE", "Acquaintance", "Buyer", "BuyerRuling",
    "CaseState", "Channel", "CheckMoment", "CheckOutcome", "Choice",
    "Clawback", "ClawbackState", "Consent", "ConsentGrant", "Conversion", "ConversionKind", "ConversionSource",
    "ConversionState", "Decided", "Decision", "Dispute", "DisputeKind", "DisputeSide", "DisputeState",
    "DisputeStatement", "Ending", "Escalation", "Evidence", "EvidenceCheck", "EvidenceFile",
    "EvidenceState", "FileKind", "FraudCase", "FraudScore", "KindState", "KnownContact",
    "Lead", "LeadClaim", "LeadSignature", "LeadSource", "LeadWords", "Moderation", "PartState", "Point",
    "ReasonCode", "Respondent", "Reward", "RewardHold",
    "RewardInKind", "RewardState", "SaleRefund", "Split", "SplitPart", "SplitState", "Stage", "Suppression", "Thing",
    "Verdict", "WitnessAnswer", "WitnessSaid", "WitnessWord", "lead_bands",
]
