"""What is seen of people and businesses. Unseen is NotFound."""
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound, require
from marketplace.identity.models import ApiKey, Business, Membership, User
from marketplace.identity.permissions import may_see_members


def find_user(email: str) -> User | None:
    """Any spelling of the address; closed users too."""
    return db.session.scalar(select(User).where(User.email == email.strip().lower()))


def get_user(user_id: str) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def get_business(slug_or_id: str) -> Business:
    """Businesses are public."""
    business = db.session.scalar(select(Business).where((Business.slug == slug_or_id) | (Business.id == slug_or_id)))
    if business is None:
        raise NotFound("There is no such business.", next_step="Look for it on the board.")
    return business


def businesses_joined_by(user: User) -> Select[Business]:
    return select(Business).where(Business.id.in_([membership.business_id for membership in user.memberships]))


def businesses_of(user: User) -> list[Business]:
    """In the order in which the person joined them."""
    return [membership.business for membership in user.memberships]


def members_of(business_id: str, *, seen_by: User) -> list[Membership]:
    """With their users, longest-standing first. Raises Forbidden for people from outside."""
    require(may_see_members(seen_by, business_id), "see the people of this business")
    return list(db.session.scalars(_memberships().where(Membership.business_id == business_id)))


def get_membership(membership_id: str, *, business_id: str, seen_by: User) -> Membership:
    require(may_see_members(seen_by, business_id), "see the people of this business")
    found = db.session.scalar(
        _memberships().where(Membership.id == membership_id, Membership.business_id == business_id))
    if found is None:
        raise NotFound("This person is not a member.", next_step="Reload the list.")
    return found


def _memberships() -> Select[Membership]:
    return select(Membership).options(joinedload(Membership.user, innerjoin=True)).order_by(Membership.id)


def api_keys_visible_to(user: User) -> Select[ApiKey]:
    """Only one's own; revoked ones too."""
    return select(ApiKey).where(ApiKey.user_id == user.id)


def api_keys_of(user: User) -> list[ApiKey]:
    """Newest first, revoked ones too."""
    return list(db.session.scalars(api_keys_visible_to(user).order_by(ApiKey.id.desc())))


def get_api_key(key_id: str, *, seen_by: User) -> ApiKey:
    """Only one's own."""
    key = db.session.scalar(api_keys_visible_to(seen_by).where(ApiKey.id == key_id))
    if key is None:
        raise NotFound("You have no such API key.", next_step="Reload your settings.")
    return key
