"""Who may do what with a lead. Plain functions that answer yes or no."""
from collections.abc import Sequence

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from marketplace.identity.models import MemberRole, User
from marketplace.referrals.models import Lead, Reward, RewardInKind, Split, SplitPart, SplitState


def may_point(user: User, bounty: Bounty) -> bool:
    """Anyone with a confirmed address, but not the business's own people."""
    return user.email_confirmed_at is not None and user.role_in(bounty.business_id) is None


def is_referrer(user: User, lead: Lead) -> bool:
    return user.id == lead.referrer_id


def may_moderate(user: User, lead: Lead) -> bool:
    """An admin who has no stake: neither pointed nor works there."""
    return user.is_admin and user.id != lead.referrer_id and user.role_in(lead.business_id) is None


def may_decide(user: User, lead: Lead) -> bool:
    """``may_moderate``, and no share in what it earns either: agreed to, perhaps, before they became an admin."""
    return bool(decidable_by(user, [lead]))


def decidable_by(user: User, leads: Sequence[Lead]) -> set[str]:
    """Ids of those that they ``may_decide``."""
    found = {lead.id for lead in leads if may_moderate(user, lead)}
    shares = select(Split.lead_id).join(SplitPart).where(
        Split.lead_id.in_(found), Split.state.in_((SplitState.PROPOSED, SplitState.AGREED)),
        SplitPart.user_id == user.id)
    return found - set(db.session.scalars(shares)) if found else found


def may_work(user: User, lead: Lead) -> bool:
    """Everyone at the business works leads."""
    return user.role_in(lead.business_id) is not None


def may_give_money_back(user: User, lead: Lead) -> bool:
    """Record a refund of the sale: owners and managers."""
    return user.role_in(lead.business_id) in {MemberRole.OWNER, MemberRole.MANAGER}


def may_freeze(user: User, reward: Reward) -> bool:
    """Put a reward on hold or take it off: an admin who has no stake in it."""
    return user.is_admin and user.id != reward.beneficiary_id and user.role_in(reward.business_id) is None


def may_receive(user: User, owed: RewardInKind) -> bool:
    """Whether it is theirs to thank for, or to let go."""
    return user.id == owed.beneficiary_id
