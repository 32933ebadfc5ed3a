"""Who may do what with a bounty. Plain functions that answer yes or no."""
from marketplace.bounties.models import Bounty
from marketplace.identity.models import MemberRole, User

EDITORS = frozenset({MemberRole.OWNER, MemberRole.MANAGER})


def may_post_for(user: User, business_id: str) -> bool:
    """Write, fund, publish, pause and close bounties of this business."""
    return user.role_in(business_id) in EDITORS


def may_edit(user: User, bounty: Bounty) -> bool:
    return may_post_for(user, bounty.business_id)


def may_see_drafts(user: User, business_id: str) -> bool:
    return user.is_admin or user.role_in(business_id) is not None
