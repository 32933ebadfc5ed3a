"""For admins: the law's clocks of buyers who do not know yet, what waits to be erased, which key encrypts."""
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import func, select

from marketplace.foundation.crypto import newest_key
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.privacy.kinds import KINDS
from marketplace.privacy.untold import look, untold
from marketplace.referrals.audience import Audience
from marketplace.referrals.figures import leads_with_address
from marketplace.referrals.fraud.words import cases_of
from marketplace.referrals.models import Buyer, Lead
from marketplace.referrals.next_step import next_step

bp = Blueprint("privacy_room", __name__, url_prefix="/admin")

SHOWN = 100


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/privacy")
@signed_in
def show() -> Any:
    """No name and no address of a buyer stands here: what is shown are leads and their clocks."""
    _operator()
    waiting = look(list(db.session.scalars(untold().limit(SHOWN))))
    asked = list(db.session.scalars(
        select(Lead).join(Buyer, Buyer.id == Lead.buyer_id)
        .where(Buyer.erasure_asked_at.is_not(None), Buyer.erased_at.is_(None)).order_by(Buyer.erasure_asked_at)))
    leads = [one.lead for one in waiting]
    known, cases = leads_with_address(leads), cases_of(leads)
    told = select(Lead, Buyer).join(Buyer, Buyer.id == Lead.buyer_id).where(Buyer.told_at.is_not(None))
    return render_template(
        "admin/privacy.html", waiting=waiting, asked=asked, counts=_counts(),
        told=db.session.execute(told.order_by(Buyer.told_at.desc()).limit(20)).all(),
        next_step=lambda lead: next_step(lead, Audience.ADMIN, [], is_address_known=lead.id in known, cases=cases),
        kinds=KINDS, newest=newest_key())


def _counts() -> dict[str, int]:
    unknown, told, disclosed, erased = db.session.execute(select(
        func.count().filter(Buyer.told_at.is_(None), Buyer.erased_at.is_(None)),
        func.count().filter(Buyer.told_at.is_not(None)), func.count().filter(Buyer.disclosed_at.is_not(None)),
        func.count().filter(Buyer.erased_at.is_not(None))).select_from(Buyer)).one()
    return {"unknown": unknown, "told": told, "disclosed": disclosed, "erased": erased}
