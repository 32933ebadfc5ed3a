"""A link that is too old: a new one goes to the address that we have, whoever asks for it here."""
from typing import Any

from flask import render_template

from marketplace.foundation.db import transaction
from marketplace.foundation.limits import GUESSING, limiter
from marketplace.referrals.new_links import send_new_link
from marketplace.referrals.pages.buyer.page import bp


@bp.post("/new-link/<purpose>/<token>")
@limiter.limit(GUESSING)
def send(purpose: str, token: str) -> Any:
    with transaction():
        send_new_link(purpose, token)
    return render_template("referrals/buyer_new_link.html")
