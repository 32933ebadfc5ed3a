"""For the owners of a business: taking along what it owns here."""
from typing import Any

from flask import Blueprint, Response, render_template, stream_with_context

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import GUESSING_ONE, caller, limiter
from marketplace.identity.permissions import is_owner
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.privacy.business_takeaway import OWNED, pack_business, take_along

bp = Blueprint("business_takeaway", __name__)


@bp.get("/businesses/<business_id>/takeaway")
@signed_in
def show(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(is_owner(user, business.id), "take along what this business owns")
    return render_template("privacy/business_takeaway.html", business=business, tables=list(OWNED))


@bp.post("/businesses/<business_id>/takeaway")
@signed_in
@limiter.limit(GUESSING_ONE, key_func=caller)
def file(business_id: str) -> Any:
    with transaction():
        business = get_business(business_id)
        take_along(business, by=signed_in_user())
        business_id, name, slug = business.id, business.name, business.slug
    return Response(stream_with_context(pack_business(business_id, name)), content_type="application/zip", headers={
        "Content-Disposition": f'attachment; filename="{slug}.zip"', "Cache-Control": "no-store"})
