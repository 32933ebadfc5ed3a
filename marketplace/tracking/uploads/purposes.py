"""What the rows of a file can be: the three purposes, by name."""
from marketplace.tracking.models import Upload, UploadPurpose
from marketplace.tracking.uploads.conversion_rows import ConversionRows
from marketplace.tracking.uploads.partner_rows import PartnerRows
from marketplace.tracking.uploads.past_reward_rows import PastRewardRows
from marketplace.tracking.uploads.rows import Purpose

PURPOSES: dict[UploadPurpose, Purpose] = {
    UploadPurpose.CONVERSIONS: ConversionRows(), UploadPurpose.PARTNERS: PartnerRows(),
    UploadPurpose.PAST_REWARDS: PastRewardRows(),
}


def purpose_of(upload: Upload) -> Purpose:
    return PURPOSES[upload.purpose]
