"""Tables of what is tracked, by theme. Columns and constraints only; rules live beside the verbs."""
from marketplace.tracking.models.clicks import ClickMark, ClickSpool, click_days, clicks
from marketplace.tracking.models.links import BountyDestination, BusinessDomain, DomainProof, ReferralLink

__all__ = [
    "BountyDestination", "BusinessDomain", "ClickMark", "ClickSpool", "DomainProof", "ReferralLink", "click_days",
    "clicks",
]
