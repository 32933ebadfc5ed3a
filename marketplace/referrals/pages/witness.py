"""The buyer as witness: one private page with one question. No account; opening it changes nothing."""
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for

from marketplace.foundation import clock
from marketplace.foundation.crypto import LinkEnded
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.limits import GUESSING, WRITING, limiter
from marketplace.foundation.web import Form
from marketplace.referrals.disputes.schemas import WitnessInput
from marketplace.referrals.disputes.witness import PASSED_ON, answer_as_witness, open_witness_link
from marketplace.referrals.models import Lead

bp = Blueprint("witness", __name__, url_prefix="/witness")

SHORT = {"purpose": PASSED_ON}


@bp.after_request
def keep_out_of_sight(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@bp.errorhandler(LinkEnded)
def ended(refusal: LinkEnded) -> Any:
    return render_template("referrals/buyer_ended.html", refusal=refusal, **(request.view_args or {})), refusal.status


@bp.errorhandler(DomainError)
def closed(refusal: DomainError) -> Any:
    return render_template("referrals/buyer_closed.html", refusal=refusal), refusal.status


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
