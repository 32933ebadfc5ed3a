"""A link that is too old: a new one goes to the address that we have, whoever asks for it here."""
from typing import Any

from flask import redirect, render_template, url_for

from marketplace.foundation.db import transaction
from marketplace.foundation.limits import GUESSING, limiter
from marketplace.referrals.asking import CONFIRMING
from marketplace.referrals.new_links import TO_A_DISPUTE, send_new_link
from marketplace.referrals.pages.buyer.page import bp


@bp.post("/new-link/<purpose>/<token>")
@limiter.limit(GUESSING)
def send(purpose: str, token: str) -> Any:
    with transaction():
        send_new_link(purpose, token)
    return render_template("referrals/buyer_new_link.html")


@bp.get("/new-link/<purpose>/<token>")
def back(purpose: str, token: str) -> Any:
    """The address of the button, opened by itself: to the page that has it."""
    if purpose == CONFIRMING:
        return redirect(url_for(".confirm", token=token))
    page = "witness.show" if purpose in TO_A_DISPUTE else ".show"
    return redirect(url_for(page, purpose=purpose, token=token))
