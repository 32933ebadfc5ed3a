"""For the referrer: a sale of theirs that nobody was credited with."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.foundation import clock
from marketplace.foundation.db import transaction
from marketplace.foundation.fields import clean_text
from marketplace.foundation.limits import GUESSING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.tracking.claims import claim_sale
from marketplace.tracking.queries import get_link
from marketplace.tracking.reported import LONGEST_ID

bp = Blueprint("claims", __name__)


class ClaimInput(Schema):
    """Which sale, and how the referrer knows of it."""

    order_number = clean_text(1, LONGEST_ID, required=True)
    bought_on = fields.Date(required=True)
    text = clean_text(10, 2000, required=True)


@bp.route("/links/<link_id>/claims/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(GUESSING, key_func=caller, methods=["POST"])
def new(link_id: str) -> Any:
    user, form = signed_in_user(), Form(ClaimInput())
    get_link(link_id, seen_by=user)
    if form.is_ready:
        with form.keeping():
            with transaction():
                user = signed_in_user()
                dispute_id = claim_sale(get_link(link_id, seen_by=user), by=user, **form.fields).id
            flash("Claimed. The business has five business days to answer.", "ok")
            return redirect(url_for("disputes.show", dispute_id=dispute_id))
    link = get_link(link_id, seen_by=signed_in_user())
    return render_template("tracking/claim.html", link=link, form=form, today=clock.now().date()), form.status
