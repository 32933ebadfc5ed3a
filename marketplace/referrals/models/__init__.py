"""Tables of a lead's way, by theme. Columns, constraints and states only; rules live beside the verbs."""
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
from marketplace.referrals.models.rewards import (
    Clawback,
    ClawbackState,
    Conversion,
    ConversionSource,
    ConversionState,
    Reward,
    RewardState,
    SaleRefund,
)

__all__ = [
    "LIVE_LEADS", "Acquaintance", "Buyer", "Channel", "Clawback", "ClawbackState", "Consent", "ConsentGrant",
    "Conversion", "ConversionSource", "ConversionState", "Evidence", "EvidenceState", "Lead", "Moderation",
    "ReasonCode", "Reward", "RewardState", "SaleRefund", "Stage", "Suppression",
]
