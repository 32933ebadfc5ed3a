"""An account holder's own data: what is kept, taking it along, and leaving for good."""
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.foundation.db import transaction
from marketplace.foundation.limits import DRAWING, GUESSING_ONE, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.session import end_session, signed_in, signed_in_user
from marketplace.privacy.closing import close_account
from marketplace.privacy.hindrances import hindrances
from marketplace.privacy.kinds import KINDS, Whose
from marketplace.privacy.takeaway import pack

bp = Blueprint("own_data", __name__, url_prefix="/settings")


class ClosingInput(Schema):
    current_password = fields.String(required=True)


@bp.get("/data")
@signed_in
def show() -> Any:
    return render_template("privacy/account.html", user=signed_in_user(),
                           kinds=[kind for kind in KINDS if kind.whose is Whose.HOLDER])


@bp.post("/data/export")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def export() -> Any:
    user = signed_in_user()
    with transaction():
        packed = pack(user, by=user)
    return Response(packed, content_type="application/zip", headers={
        "Content-Disposition": 'attachment; filename="about-me.zip"', "Cache-Control": "no-store"})


@bp.route("/closing", methods=["GET", "POST"])
@signed_in
@limiter.limit(GUESSING_ONE, key_func=caller, methods=["POST"])
def closing() -> Any:
    """The second page: what goes, what stays and why, what must be settled first."""
    user, form = signed_in_user(), Form(ClosingInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                close_account(user, password=form.fields["current_password"], by=user)
            end_session()
            flash("Your account is closed, and what was kept about you is erased.", "ok")
            return redirect(url_for("home.landing"))
    return render_template("privacy/closing.html", form=form, user=user, left=hindrances(user)), form.status
