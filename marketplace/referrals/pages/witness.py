"""The buyer as witness: one private page with one question. No account; opening it changes nothing."""
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import GUESSING, WRITING, limiter
from marketplace.foundation.web import Form
from marketplace.referrals.disputes.schemas import WitnessInput
from marketplace.referrals.disputes.witness import PASSED_ON, answer_as_witness, open_witness_link
from marketplace.referrals.models import Lead
from marketplace.referrals.private_pages import make_private

bp = Blueprint("witness", __name__, url_prefix="/witness")

SHORT = {"purpose": PASSED_ON}
make_private(bp, purpose=PASSED_ON)


@bp.route("/<token>", methods=["GET", "POST"], defaults=SHORT)
@bp.route("/<purpose>/<token>", methods=["GET", "POST"])
@limiter.limit(GUESSING, methods=["GET"])
@limiter.limit(WRITING, methods=["POST"])
def show(purpose: str, token: str) -> Any:
    dispute, form = open_witness_link(purpose, token), Form(WitnessInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                answer_as_witness(open_witness_link(purpose, token), purpose=purpose, token=token, **form.fields)
            return redirect(url_for(".show", purpose=purpose, token=token))
    lead = db.session.get_one(Lead, dispute.lead_id)
    return render_template("referrals/witness.html", dispute=dispute, lead=lead, form=form, purpose=purpose,
                           token=token, today=clock.now().date()), form.status
