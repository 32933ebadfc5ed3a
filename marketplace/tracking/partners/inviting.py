"""The business invites whom it brought; they go on here with their code, or do not. Nobody is written to twice."""
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import joinedload

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.crypto import sign, unsign
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, NotFound, require
from marketplace.foundation.letters import public_url
from marketplace.identity.models import Business, User
from marketplace.identity.permissions import is_manager
from marketplace.referrals.models import Suppression
from marketplace.tracking.links import NotRunning, link_of
from marketplace.tracking.models import InvitationState, PartnerInvitation, PastReward, ReferralLink
from marketplace.tracking.partners.lifecycle import move_invitation

S = InvitationState
PURPOSE = "partner-invitation"
MOST_SHOWN = 200
MOST_A_DAY = 1_000  # Mails to strangers, of one business.
LINK_LASTS = timedelta(days=180)  # As long as who did not say yes is kept: privacy/kinds.py.
GONE = "removed:"  # Begins the mark of a person of whom not even that is kept.
NOBODYS = "removed"  # What was earned stays as the business's own figure, without whose it was.


class EnoughForToday(Conflict):
    code = "enough_invitations"


def invitations_of(business_id: str, *, seen_by: User) -> Sequence[PartnerInvitation]:
    """Newest first, without those that were removed; MOST_SHOWN of them."""
    require(is_manager(seen_by, business_id), "see whom this business brought")
    return db.session.scalars(select(PartnerInvitation).where(
        PartnerInvitation.business_id == business_id, PartnerInvitation.state != S.REMOVED)
        .order_by(PartnerInvitation.id.desc()).limit(MOST_SHOWN)).all()


def count_invitations(business_id: str) -> dict[InvitationState, int]:
    counts = db.session.execute(select(PartnerInvitation.state, func.count()).where(
        PartnerInvitation.business_id == business_id).group_by(PartnerInvitation.state)).all()
    return {state: count for state, count in counts if state is not S.REMOVED}


def invite_partners(business: Business, bounty: Bounty, *, by: User) -> int:
    """Whoever was not written to yet gets one mail, about this bounty, MOST_A_DAY of them. How many. NotRunning,
    EnoughForToday (409)."""
    require(is_manager(by, business.id), "invite partners")
    require(bounty.business_id == business.id, "invite to this bounty")
    if bounty.state is not BountyState.LIVE:
        raise NotRunning("This bounty is not open now.", next_step="Publish it first, or choose another one.")
    lately = db.session.scalar(select(func.count()).where(
        PartnerInvitation.business_id == business.id, PartnerInvitation.invited_at > clock.now() - timedelta(days=1)))
    room = MOST_A_DAY - (lately or 0)
    if room <= 0:
        raise EnoughForToday(f"{MOST_A_DAY:,} invitations a day are the most.", next_step="Send the others tomorrow.")
    waiting = db.session.scalars(select(PartnerInvitation).where(
        PartnerInvitation.business_id == business.id, PartnerInvitation.state == S.BROUGHT)
        .order_by(PartnerInvitation.id).limit(room)).all()
    never = _who_said_never(waiting)
    for invitation in waiting:
        if invitation.email_hash in never:
            remove_invitation(invitation, by=by)
            continue
        invitation.bounty_id, invitation.invited_at = bounty.id, clock.now()
        move_invitation(invitation, S.INVITED, by=by.id)
        outbox.promise("send_letter", letter="partner_invited", key=f"partner_invited:{invitation.id}",
                       invitation_id=invitation.id)
    return len(waiting) - len(never)


def remove_invitation(invitation: PartnerInvitation, *, by: User) -> None:
    """Name and address go, here and with what they earned elsewhere; the code comes free. Of whom was written to, the
    scrambled mark of the address stays for its time, so that bringing them anew writes no second mail."""
    require(is_manager(by, invitation.business_id), "remove this person")
    forget_invitation(invitation, by=by.id, keeps_mark=invitation.invited_at is not None)


def forget_invitation(invitation: PartnerInvitation, *, by: str, keeps_mark: bool = False) -> None:
    if invitation.state is not S.REMOVED:
        move_invitation(invitation, S.REMOVED, by=by)
    db.session.execute(update(PastReward).where(
        PastReward.business_id == invitation.business_id, PastReward.partner_hash == invitation.email_hash
    ).values(partner_hash=NOBODYS))
    invitation.name = invitation.email = ""
    invitation.code = invitation.code_key = invitation.user_id = None
    if not keeps_mark:
        invitation.email_hash = f"{GONE}{invitation.id}"


def forget_old_invitations(kept_for: timedelta, most: int) -> int:
    """Of people who never said yes: how many."""
    old = db.session.scalars(select(PartnerInvitation).where(
        or_(PartnerInvitation.state.in_([S.BROUGHT, S.INVITED, S.DECLINED]), and_(
            PartnerInvitation.state == S.REMOVED, ~PartnerInvitation.email_hash.startswith(GONE))),
        PartnerInvitation.created_at < clock.now() - kept_for).order_by(PartnerInvitation.id).limit(most)).all()
    for invitation in old:
        forget_invitation(invitation, by=audit.SYSTEM)
    db.session.flush()
    known = exists(select(PartnerInvitation.id).where(
        PartnerInvitation.business_id == PastReward.business_id,
        PartnerInvitation.email_hash == PastReward.partner_hash))
    db.session.execute(update(PastReward).where(
        PastReward.created_at < clock.now() - kept_for, PastReward.partner_hash != NOBODYS, ~known
    ).values(partner_hash=NOBODYS))
    return len(old)


def invitation_link(invitation: PartnerInvitation) -> str:
    """Whoever has it reads the mail of this address."""
    until = (invitation.created_at + LINK_LASTS).date()
    return public_url(f"/invitation/{sign(PURPOSE, invitation.id, until=until)}")


def get_invited(token: str) -> PartnerInvitation:
    """BadLink or NotFound (404) where there is none, or it was removed."""
    invitation = db.session.get(PartnerInvitation, unsign(PURPOSE, token))
    if invitation is None or invitation.state in {S.BROUGHT, S.REMOVED}:
        raise NotFound("This invitation is over.", next_step="Ask the business that invited you.")
    return invitation


def get_invitation(invitation_id: str, *, seen_by: User) -> PartnerInvitation:
    invitation = db.session.get(PartnerInvitation, invitation_id)
    if invitation is None or seen_by.role_in(invitation.business_id) is None:
        raise NotFound("There is no such person in your list.")
    return invitation


def accept_invitation(invitation: PartnerInvitation, *, by: User) -> ReferralLink:
    """Their link for the bounty, with the code that they said before where it is free. What link_of raises."""
    if invitation.state is S.ACCEPTED and invitation.user_id != by.id:
        raise Conflict("This invitation was accepted already.", next_step="Ask the business for one of your own.")
    bounty = db.session.scalars(select(Bounty).options(joinedload(Bounty.business)).where(
        Bounty.id == invitation.bounty_id)).one()
    link = link_of(bounty, by=by, wish=invitation.code or "")
    if invitation.state is not S.ACCEPTED:
        invitation.user_id = by.id
        move_invitation(invitation, S.ACCEPTED, by=by.id)
    return link


def decline_invitation(invitation: PartnerInvitation) -> None:
    """Nothing more is written to them. Twice is once."""
    if invitation.state is not S.DECLINED:
        move_invitation(invitation, S.DECLINED, by=audit.SYSTEM)


def past_rewards_of(invitation: PartnerInvitation) -> list[PastReward]:
    """What they earned in another programme, newest first."""
    return list(db.session.scalars(select(PastReward).where(
        PastReward.business_id == invitation.business_id, PastReward.partner_hash == invitation.email_hash)
        .order_by(PastReward.earned_on.desc(), PastReward.id).limit(MOST_SHOWN)))


def _who_said_never(invitations: Sequence[PartnerInvitation]) -> set[str]:
    marks = [one.email_hash for one in invitations]
    found: set[str] = set()
    for start in range(0, len(marks), 1_000):
        some = marks[start:start + 1_000]
        found |= set(db.session.scalars(select(Suppression.hash).where(Suppression.hash.in_(some))))
    return found
