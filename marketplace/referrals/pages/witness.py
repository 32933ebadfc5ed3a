"""The buyer as witness: one private page with one question. No account; opening it changes nothing."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import GUESSING, WRITING, limiter
from marketplace.foundation.money import plain_amount
from marketplace.foundation.web import Form
from marketplace.referrals.disputes.schemas import WitnessCorrectionInput, WitnessInput
from marketplace.referrals.disputes.witness import (
    PASSED_ON,
    answer_as_witness,
    correct_answer,
    is_witness_proven,
    may_correct,
    open_witness_link,
)
from marketplace.referrals.disputes.witness_words import outcome_to_buyer, say_word, would_settle
from marketplace.referrals.models import Dispute, Lead, WitnessSaid
from marketplace.referrals.private_pages import make_private
from marketplace.referrals.said_bought import BuyersWord, word_of

bp = Blueprint("witness", __name__, url_prefix="/witness")

SHORT = {"purpose": PASSED_ON}
make_private(bp, purpose=PASSED_ON)


@bp.route("/<token>", methods=["GET", "POST"], defaults=SHORT)
@bp.route("/<purpose>/<token>", methods=["GET", "POST"])
@limiter.limit(GUESSING, methods=["GET"])
@limiter.limit(WRITING, methods=["POST"])
def show(purpose: str, token: str) -> Any:
    dispute = open_witness_link(purpose, token)
    word = _word(dispute, purpose, token)
    form = Form(WitnessInput(), initial={} if dispute.witness else _as_said_before(word))
    return _answer(purpose, token, form, answer_as_witness, word)


@bp.post("/<purpose>/<token>/correction")
@limiter.limit(WRITING)
def correction(purpose: str, token: str) -> Any:
    """It was a slip, or meant otherwise."""
    return _answer(purpose, token, Form(WitnessCorrectionInput()), correct_answer, None)


def _answer(purpose: str, token: str, form: Form, say: Callable[..., None], word: BuyersWord | None) -> Any:
    if form.is_ready:
        with form.keeping():
            with transaction():
                say(open_witness_link(purpose, token), purpose=purpose, token=token, **form.fields)
            return redirect(url_for(".show", purpose=purpose, token=token))
    dispute = open_witness_link(purpose, token)
    is_theirs = is_witness_proven(dispute, purpose=purpose, token=token)
    return render_template(
        "referrals/witness.html", dispute=dispute, lead=db.session.get_one(Lead, dispute.lead_id), form=form,
        word=word, purpose=purpose, token=token, today=clock.now().date(), say_word=say_word, is_theirs=is_theirs,
        outcome=outcome_to_buyer(dispute), would_settle=would_settle(dispute, is_proven=is_theirs),
        may_correct=may_correct(dispute, purpose=purpose, token=token)), form.status


def _word(dispute: Dispute, purpose: str, token: str) -> BuyersWord | None:
    """Their “I bought it”, for whoever reads their mail: a link that was passed on may be anybody's."""
    if not is_witness_proven(dispute, purpose=purpose, token=token):
        return None
    word = word_of(db.session.get_one(Lead, dispute.lead_id))
    return word if word and word.says is WitnessSaid.BOUGHT else None


def _as_said_before(word: BuyersWord | None) -> dict[str, str]:
    return {"said": WitnessSaid.BOUGHT.value, "bought_on": word.last_bought_on.isoformat(),
            "amount": plain_amount(word.last_amount), "currency": word.amount.currency} if word else {}
