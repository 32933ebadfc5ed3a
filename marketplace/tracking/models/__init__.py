"""Tables of what is tracked, by theme. Columns and constraints only; rules live beside the verbs."""
from marketplace.tracking.models.bringing import InvitationState, PartnerInvitation, PastReward
from marketplace.tracking.models.business_stripe import DoorEventState, StripeDoor, StripeDoorEvent, Told
from marketplace.tracking.models.clicks import ClickMark, ClickSpool, click_days, clicks
from marketplace.tracking.models.conversions import (
    WAITS,
    Binding,
    BindingClick,
    Reattribution,
    Report,
    ReportKind,
    ReportState,
)
from marketplace.tracking.models.links import BountyDestination, BusinessDomain, DomainProof, ReferralLink
from marketplace.tracking.models.uploads import (
    ColumnMemory,
    Upload,
    UploadPart,
    UploadPurpose,
    UploadState,
    upload_keys,
)

__all__ = [
    "WAITS", "Binding", "BindingClick", "BountyDestination", "BusinessDomain", "ClickMark", "ClickSpool",
    "ColumnMemory", "DomainProof", "DoorEventState", "InvitationState", "PartnerInvitation", "PastReward",
    "Reattribution", "ReferralLink", "Report", "ReportKind", "ReportState", "StripeDoor", "StripeDoorEvent", "Told",
    "Upload", "UploadPart", "UploadPurpose", "UploadState", "click_days", "clicks", "upload_keys",
]
