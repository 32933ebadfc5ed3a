"""The queue as a page: by the clock, with who has what open, what is undone yet, and a form for several at once."""
from datetime import datetime
from typing import Any

from flask import render_template
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.referrals.deadlines import accepted_by_default
from marketplace.referrals.desk.claims import claims_of
from marketplace.referrals.desk.deciders import passed_on_among, why_not_yours
from marketplace.referrals.figures import count_in_review
from marketplace.referrals.for_funds import dues_among
from marketplace.referrals.fraud.words import cases_of
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import FraudCase, Lead, LeadClaim, ReasonCode
from marketplace.referrals.permissions import decidable_by
from marketplace.referrals.queries import moderation_queue

SHOWN = 50  # Oldest first: whoever clears these comes to the next.
# Codes that say all by themselves; the others quote a criterion, which is each lead's own.
FOR_SEVERAL = [code for code in ReasonCode if code not in {ReasonCode.OUT_OF_SCOPE, ReasonCode.NOT_A_BUYER}]


def show_queue(user: User, form: Any, *, chosen: list[str] | None = None) -> str:
    leads = db.session.scalars(moderation_queue().limit(SHOWN)).all()
    claims = claims_of([lead.id for lead in leads])
    passed_on = passed_on_among([lead.id for lead in leads])
    decidable = decidable_by(user, leads)
    cases = cases_of([lead for lead in leads if lead.is_held])
    dues = dues_among(leads)
    rows = [_row(lead, user, claims.get(lead.id), held_by=cases.get(lead.id), is_passed_on=lead.id in passed_on,
                 has_stake=lead.id not in decidable, due=dues.get(lead.id)) for lead in leads]
    untold = db.session.scalars(select(Lead).where(Lead.tell_at.is_not(None)).order_by(Lead.tell_at, Lead.id)).all()
    undoable = decidable_by(user, untold)
    return render_template(
        "referrals/queue.html", rows=rows, waiting=count_in_review(), shown=SHOWN, form=form, chosen=chosen or [],
        late=sum(1 for row in rows if row["is_late"]), codes=FOR_SEVERAL, reasons=REASONS,
        untold=[lead for lead in untold if lead.id in undoable], me=user)


def _row(
    lead: Lead, user: User, claim: LeadClaim | None, *, held_by: FraudCase | None, is_passed_on: bool, has_stake: bool,
    due: datetime | None,
) -> dict[str, Any]:
    """``due``: none while it waits for the funds of its bounty."""
    accepted_at_last = accepted_by_default(lead.submitted_at)
    return {"lead": lead, "due": due, "is_late": due is not None and due < clock.now(), "has_stake": has_stake,
            "held_by": held_by, "accepted_at_last": accepted_at_last, "is_past_default": accepted_at_last < clock.now(),
            "claim": claim if claim is not None and claim.user_id != user.id else None,
            "is_mine": claim is not None and claim.user_id == user.id,
            "is_passed_on": is_passed_on, "is_unfunded": due is None,
            "why_not": why_not_yours(lead, user) if is_passed_on or lead.appeal is not None else None}
