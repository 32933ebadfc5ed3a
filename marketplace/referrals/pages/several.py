"""For moderators: several leads of the queue decided in one go, each for itself; what came of each."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm.exc import StaleDataError

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import DomainError, require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.web import Form, StaleForm
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.desk.record import last_decision
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import Decided, Lead
from marketplace.referrals.moderation import accept_lead, reject_lead
from marketplace.referrals.naming import number_of
from marketplace.referrals.pages.queue import show_queue
from marketplace.referrals.permissions import may_decide
from marketplace.referrals.queries import get_lead
from marketplace.referrals.schemas import SeveralInput

bp = Blueprint("several", __name__)

AS_DECIDED = {"accept": Decided.ACCEPTED, "reject": Decided.REJECTED}


@dataclass(frozen=True)
class Outcome:
    """``lead``: referrer, business and number, or its id where it is not there; ``quote``: for who may read it.
    ``refusal``: None where it was done."""

    lead_id: str
    lead: str
    quote: str
    is_new: bool
    refusal: DomainError | None


@bp.post("/moderation/several")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def decide() -> Any:
    user = signed_in_user()
    require(user.is_admin, "moderate leads")
    form = Form(SeveralInput())
    if not form.is_ready:
        return show_queue(user, form, chosen=request.form.getlist("leads")), form.status
    wanted = AS_DECIDED[form.fields["decision"]]
    act = _act(form.fields)
    outcomes = [_one(chosen, wanted, act, user) for chosen in dict.fromkeys(form.fields["leads"])]
    code = form.fields.get("reason_code")
    return render_template("referrals/several.html", outcomes=outcomes, decided=wanted,
                           reason=REASONS[code] if code else None)


@bp.get("/moderation/several")
@signed_in
def back() -> Any:
    """Where the answer is looked up again by its address."""
    require(signed_in_user().is_admin, "moderate leads")
    return redirect(url_for("moderation.queue"))


def _faster() -> DomainError:
    return StaleForm("Somebody changed this lead after you had opened the queue.",
                     next_step="Open it, and decide it there.")


def _act(fields: dict[str, Any]) -> Callable[[Lead, User, int | None], None]:
    if fields["decision"] == "accept":
        return lambda lead, user, version: accept_lead(lead, by=user, version=version)
    return lambda lead, user, version: reject_lead(
        lead, by=user, reason_code=fields["reason_code"], note=fields["note"], version=version)


def _one(chosen: str, wanted: Decided, act: Callable[[Lead, User, int | None], None], user: User) -> Outcome:
    """In a transaction of its own: what is refused here stops nothing else. Sent twice, it is done once."""
    lead_id, _, seen = chosen.partition(":")
    name, quote = lead_id, ""
    try:
        with transaction():
            lead = get_lead(lead_id, seen_by=user)
            name = f"{lead.referrer.name} for {lead.business.name}, no. {number_of(lead.id)}"
            quote = lead.evidence.quote if may_decide(user, lead) else ""
            made = last_decision(lead)
            is_done = made is not None and lead.decided_by == user.id and made.decided is wanted
            if not is_done:
                act(lead, user, int(seen) if seen.isdecimal() else None)
        return Outcome(lead_id, name, quote, not is_done, None)
    except (StaleForm, StaleDataError):
        return Outcome(lead_id, name, quote, False, _faster())
    except DomainError as refusal:
        return Outcome(lead_id, name, quote, False, refusal)
