"""A business is founded and describes itself."""
import re
import unicodedata

from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.urls import BadUrl, split_web_url
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.identity.permissions import may_edit_business, require_confirmed

MOST_BUSINESSES = 20  # Per person: more is a mistake or a flood.


class TooManyBusinesses(Invalid):
    code = "too_many_businesses"


def found_business(
    name: str, *, about: str = "", place: str = "", website: str | None = None, by: User
) -> Business:
    """``by`` becomes its first owner. Raises EmailUnconfirmed, TooManyBusinesses, Invalid (website)."""
    require_confirmed(by)
    if len(by.memberships) >= MOST_BUSINESSES:
        raise TooManyBusinesses(
            f"You belong to {MOST_BUSINESSES} businesses already.", next_step="Leave one, or write to us.")
    business = Business(
        name=name, slug=_free_slug(name), about=about, place=place, website=_checked_website(website))
    db.session.add(business)
    db.session.flush()
    by.memberships.append(Membership(business_id=business.id, role=MemberRole.OWNER, business=business))
    db.session.flush()
    audit.record("business.founded", business.id, by=by.id)
    return business


def edit_business(
    business: Business, *, name: str, about: str = "", place: str = "", website: str | None = None, by: User
) -> None:
    """The slug stays: links to the business outlive its name. Raises Invalid (website)."""
    require(may_edit_business(by, business.id), "edit this business")
    business.name, business.about, business.place = name, about, place
    business.website = _checked_website(website)
    audit.record("business.edited", business.id, by=by.id)


def _checked_website(website: str | None) -> str | None:
    if not website:
        return None
    try:
        return split_web_url(website).geturl()
    except BadUrl as error:
        said = f"{error.message} {error.next_step}".strip()
        raise Invalid(said, fields={"website": [said]}) from None


def _free_slug(name: str) -> str:
    """``westside-auto``, else ``westside-auto-2`` and so on."""
    wanted = _slug(name)
    taken = {"new"} | set(db.session.scalars(  # /businesses/new founds one.
        select(Business.slug).where(
            (Business.slug == wanted) | Business.slug.startswith(f"{wanted}-", autoescape=True))))
    number = 1
    while (slug := wanted if number == 1 else f"{wanted}-{number}") in taken:
        number += 1
    return slug


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "business"
