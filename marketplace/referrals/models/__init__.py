"""Tables of a lead's way, by theme. Columns, constraints and states only; rules live beside the verbs."""
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
    Moderation,
    ReasonCode,
    Stage,
    Suppression,
)
from marketplace.referrals.models.nearness import BuyerRuling, KnownContact, LeadSignature, lead_bands
from marketplace.referrals.models.rewards import (
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
    "LIVE_LEADS", "Acquaintance", "Buyer", "BuyerRuling", "Channel", "Choice", "Clawback", "ClawbackState", "Consent",
    "ConsentGrant", "Conversion", "ConversionKind", "ConversionSource", "ConversionState", "Evidence", "EvidenceState",
    "KindState", "KnownContact", "Lead", "LeadSignature", "Moderation", "PartState", "ReasonCode", "Reward",
    "RewardHold", "RewardInKind", "RewardState", "SaleRefund", "Split", "SplitPart", "SplitState", "Stage",
    "Suppression", "Thing", "lead_bands",
]
