"""For the referrer: explaining, or appealing, while a lead of theirs waits for a look by a person."""
from typing import Any

from flask import Blueprint
from marshmallow import Schema

from marketplace.foundation.fields import clean_text
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.show import day_in_words
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in
from marketplace.referrals.fraud.cases import explain_lead
from marketplace.referrals.models import Lead
from marketplace.referrals.pages.lead_page import act_on_lead

bp = Blueprint("held", __name__)


class ExplanationInput(Schema):
    why = clean_text(5, 2000, required=True)


@bp.post("/leads/<lead_id>/explanation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def explanation(lead_id: str) -> Any:
    form = Form(ExplanationInput())

    def explain(lead: Lead, user: User) -> str:
        case = explain_lead(lead, by=user, **form.fields)
        who = "Another person decides about it" if case.is_appealed else "A person reads it next to what made us look"
        return f"Thank you. {who}: we answer by {day_in_words(case.due_at)}."

    return act_on_lead(lead_id, "explanation", form, explain)
