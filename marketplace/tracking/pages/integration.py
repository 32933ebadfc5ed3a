"""What a business puts into its own site, to copy; and the script itself, for that site to load."""
from typing import Any

from flask import Blueprint, Response, current_app, render_template, url_for

from marketplace.foundation.errors import require
from marketplace.identity.permissions import is_member, may_edit_business
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.tracking.click_ids import CLICK_PARAMETER
from marketplace.tracking.script import VERSION, script

bp = Blueprint("integration", __name__)


@bp.get("/businesses/<business_id>/integration")
@signed_in
def show(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(is_member(user, business.id), "connect the site of this business")
    home: str = current_app.extensions["settings"].public_url
    return render_template(
        "tracking/integration.html", business=business, home=home, parameter=CLICK_PARAMETER,
        may_edit=may_edit_business(user, business.id),
        script_at=home + url_for(".serve"), integrity=script().integrity)


@bp.get(f"/fingerpost-{VERSION}.js")
def serve() -> Response:
    """For every site: a browser compares its hash, which it may do of what is open to all."""
    served = Response(script().text, mimetype="text/javascript")
    served.headers["Access-Control-Allow-Origin"] = "*"
    served.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    served.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return served
