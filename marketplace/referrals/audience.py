"""Who reads: what is told of a lead, and in which words, depends on their part in it."""
from enum import StrEnum

from marketplace.identity.models import User
from marketplace.referrals.models import Lead
from marketplace.referrals.permissions import may_moderate


class Audience(StrEnum):
    REFERRER = "referrer"
    BUSINESS = "business"
    ADMIN = "admin"
    BUYER = "buyer"


def audience_of(user: User, lead: Lead) -> Audience:
    """An admin with a stake reads it as the party they are."""
    if may_moderate(user, lead):
        return Audience.ADMIN
    return Audience.REFERRER if user.id == lead.referrer_id else Audience.BUSINESS


def reader_of(lead: Lead, audience: Audience) -> str | None:
    """Whom the words speak to as “you”: the id of the referrer or of the business, the buyer; None for admins."""
    return {Audience.REFERRER: lead.referrer_id, Audience.BUSINESS: lead.business_id,
            Audience.BUYER: Audience.BUYER.value}.get(audience)
