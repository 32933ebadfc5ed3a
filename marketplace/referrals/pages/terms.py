"""A bounty's terms in plain words for all three, to read and print: from its page, a lead's, the buyer's link."""
from typing import Any

from flask import Blueprint, render_template, url_for

from marketplace.bounties.models import Bounty, Terms
from marketplace.identity.session import find_signed_in_user
from marketplace.referrals.promises import promises_of
from marketplace.referrals.queries import find_own_lead, get_terms

bp = Blueprint("terms", __name__)


@bp.get("/bounties/<bounty_id>/terms/<int(max=9999):number>")
def show(bounty_id: str, number: int) -> Any:
    reader = find_signed_in_user()
    bounty, terms = get_terms(bounty_id, number, seen_by=reader)
    lead_id = find_own_lead(terms, reader) if reader else None
    back = ({"href": url_for("lead.show", lead_id=lead_id), "label": "Your lead"} if lead_id else
            {"href": url_for("board.bounty", bounty_id=bounty.id), "label": "The bounty"})
    return show_terms(bounty, terms, back=back)


def show_terms(bounty: Bounty, terms: Terms, *, back: dict[str, str], is_buyers: bool = False) -> str:
    """``is_buyers``: theirs stand first, in the frame of their private page."""
    return render_template(
        "referrals/terms.html", bounty=bounty, terms=terms, promises=promises_of(bounty, terms), back=back,
        is_buyers=is_buyers, frame="referrals/buyer_layout.html" if is_buyers else "layout.html",
        is_in_force=bounty.terms_number == terms.number)
