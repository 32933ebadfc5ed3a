"""How old the money is that businesses paid in and did not use: oldest first, with the day on which it goes back."""
from typing import Any

from flask import Blueprint, current_app, render_template

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.money_in.ageing import Aged, all_aged, limits
from marketplace.payments.money_out.countries import COUNTRIES

bp = Blueprint("funds_age", __name__, url_prefix="/admin")

SHOWN = 200


@bp.get("/funds")
@signed_in
def show() -> Any:
    require(signed_in_user().is_admin, "enter the operators’ rooms")
    rule, found = limits(), all_aged(at_most=SHOWN)
    bounties = {bounty.id: bounty for bounty in db.session.scalars(
        db.select(Bounty).where(Bounty.id.in_([one.funding.purpose_id for one in found])))}
    return render_template(
        "admin/funds.html", rule=rule, country=_country(),
        rows=[(one, bounties.get(one.funding.purpose_id), one.reaches(rule.refund_after),
               _days_left(one, rule.holds)) for one in found])


def _country() -> str:
    """The platform's, by name where we know it."""
    code = current_app.extensions["settings"].platform_country
    return COUNTRIES[code].name if code in COUNTRIES else str(code)


def _days_left(one: Aged, holds: int) -> int:
    return max((one.reaches(holds) - clock.now()).days, 0)
