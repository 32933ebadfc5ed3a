"""Who may do what with links, clicks and domains. Plain functions that answer yes or no."""
from marketplace.bounties.models import Bounty
from marketplace.identity.models import User
from marketplace.identity.permissions import is_manager, is_member
from marketplace.referrals.models import Lead
from marketplace.referrals.permissions import may_decide
from marketplace.tracking.models import ReferralLink


def may_end_link(user: User, link: ReferralLink) -> bool:
    return user.id == link.referrer_id or user.is_admin


def may_see_clicks(user: User, bounty: Bounty) -> bool:
    """Of all its links: the business's people, and admins."""
    return user.is_admin or is_member(user, bounty.business_id)


def may_lead_links(user: User, business_id: str) -> bool:
    """Say where a bounty's links lead, and show that a domain is the business's own."""
    return is_manager(user, business_id)


def may_report(user: User, business_id: str) -> bool:
    """Say what happened: everyone at the business."""
    return is_member(user, business_id)


def may_give_back(user: User, business_id: str) -> bool:
    """Say that money was given back: as on a lead's page, owners and managers."""
    return is_manager(user, business_id)


def may_see_reports(user: User, business_id: str) -> bool:
    return user.is_admin or is_member(user, business_id)


def may_reattribute(user: User, lead: Lead) -> bool:
    """An admin with no stake in it."""
    return may_decide(user, lead)
