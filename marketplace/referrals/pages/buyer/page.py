"""The page itself: what is asked or was said, the terms in plain words, the receipt; and what every answer carries."""
from typing import Any

from flask import Blueprint, redirect, url_for

from marketplace.foundation.limits import DRAWING, GUESSING, limiter
from marketplace.foundation.web import Form
from marketplace.referrals.asking import CONFIRMING, PASSED_ON
from marketplace.referrals.buyer_schemas import ConsentInput
from marketplace.referrals.consent import open_buyer_link
from marketplace.referrals.evidence_files import get_file
from marketplace.referrals.models import Consent, FileKind
from marketplace.referrals.pages.buyer.showing import (
    known_of_buyer,
    require_proof,
    show_answer,
    show_over,
    show_question,
)
from marketplace.referrals.pages.buyer.words import is_over
from marketplace.referrals.pages.receipt_file import receipt_file
from marketplace.referrals.pages.terms import show_terms
from marketplace.referrals.private_pages import answer_with, make_private
from marketplace.referrals.receipts import receipt_for_buyer

bp = Blueprint("buyer", __name__, url_prefix="/buyer")

SHORT = {"purpose": PASSED_ON}  # The link that is passed on needs no word for it; the long form is still good.
make_private(bp, purpose=CONFIRMING)


@bp.get("/<token>", defaults=SHORT)
@bp.get("/<purpose>/<token>")
def show(purpose: str, token: str) -> Any:
    if "." in purpose:  # A link that was signed, and after it the address of a button, reloaded: its page has it.
        return redirect(url_for(".show", purpose=PASSED_ON, token=purpose), 303)
    lead = open_buyer_link(purpose, token)
    if is_over(lead):
        return show_over(lead)
    if lead.consent is not Consent.ASKED:
        return show_answer(lead, purpose, token), 200
    return show_question(lead, purpose, token, Form(ConsentInput(), initial=known_of_buyer(lead, purpose, token)))


@bp.get("/<token>/receipt.json", defaults=SHORT)
@bp.get("/<purpose>/<token>/receipt.json")
@limiter.limit(GUESSING)
def receipt(purpose: str, token: str) -> Any:
    """The yes as data, to keep: what the business has of it too."""
    lead = open_buyer_link(purpose, token)
    require_proof(lead, purpose, token)
    return receipt_file(receipt_for_buyer(lead), lead)


@bp.get("/<token>/files/<file_id>", defaults=SHORT)
@bp.get("/<purpose>/<token>/files/<file_id>")
@limiter.limit(DRAWING)
def file(purpose: str, token: str, file_id: str) -> Any:
    """What was given with the post: to whoever is asked, and later to the buyer alone."""
    lead = open_buyer_link(purpose, token)
    if lead.consent is not Consent.ASKED:
        require_proof(lead, purpose, token)
    found = get_file(lead, file_id, by=None)
    return answer_with(found, is_shown=found.kind is FileKind.IMAGE)


@bp.get("/<token>/terms", defaults=SHORT)
@bp.get("/<purpose>/<token>/terms")
def terms(purpose: str, token: str) -> Any:
    lead = open_buyer_link(purpose, token)
    back = {"href": url_for(".show", purpose=purpose, token=token), "label": "Your page"}
    return show_terms(lead.bounty, lead.terms, back=back, is_buyers=True)
