"""The sentence with which a lead's referrer is open about what they may get from it."""
from marketplace.bounties.disclosure import disclose
from marketplace.referrals.lawful import ruling_of
from marketplace.referrals.models import Consent, Lead, Moderation, Stage

MAY_EARN = frozenset({Moderation.SUBMITTED, Moderation.IN_REVIEW, Moderation.NEEDS_INFO, Moderation.ACCEPTED})
OVER = frozenset({Stage.WON, Stage.LOST, Stage.UNQUALIFIED})


def disclosure_of(lead: Lead) -> str | None:
    """What the law, as it is today, leaves of its terms. None where there is nobody to say it to any more."""
    if lead.moderation not in MAY_EARN or lead.stage in OVER or lead.consent is Consent.WITHDRAWN:
        return None
    is_decided = lead.is_tracked or lead.consent is Consent.GRANTED
    return disclose(lead.terms, ruling_of(lead), lead.business.name, is_decided=is_decided)
