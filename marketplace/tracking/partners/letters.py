"""The mail to somebody whom a business brought from another programme."""
from collections.abc import Callable

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db
from marketplace.foundation.letters import compose
from marketplace.foundation.mail import Mail
from marketplace.identity.models import Business
from marketplace.tracking.models import InvitationState, PartnerInvitation
from marketplace.tracking.partners.inviting import invitation_link


def partner_invited(invitation_id: str) -> list[Mail]:
    invitation = db.session.get_one(PartnerInvitation, invitation_id)
    if invitation.state is not InvitationState.INVITED or invitation.bounty_id is None:
        return []
    business = db.session.get_one(Business, invitation.business_id)
    bounty = db.session.get_one(Bounty, invitation.bounty_id)
    code = [f"You may go on saying {invitation.code}."] if invitation.code else []
    return [compose(
        invitation.email, f"{business.name} invites you to go on recommending them",
        f"You recommended {business.name} before. They now do this on Fingerpost, and ask whether you want to go on: "
        f"“{bounty.title}”.", *code,
        "On the page behind the button you see what it pays and what you earned before, and say yes or no. "
        "If you do nothing, nothing happens, and we do not write again.",
        name=invitation.name, action=("See the invitation", invitation_link(invitation)),
        why=f"You get this mail, once, because {business.name} has your address from its earlier partner programme.")]


LETTERS: dict[str, Callable[..., list[Mail]]] = {partner_invited.__name__: partner_invited}
