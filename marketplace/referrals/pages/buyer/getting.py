"""What they get: the share of the reward, given to the cause or declined here; thanks for what is not money."""
from collections.abc import Callable
from typing import Any

from flask import redirect, url_for
from marshmallow import Schema

from marketplace.foundation.errors import Invalid
from marketplace.foundation.limits import WRITING, limiter
from marketplace.foundation.web import Form
from marketplace.referrals.buyers_share import decline_share, give_to_cause, shares_of_buyer
from marketplace.referrals.consent import open_buyer_link
from marketplace.referrals.in_kind import acknowledge_thing, decline_thing, things_of_lead
from marketplace.referrals.models import Choice, Lead
from marketplace.referrals.pages.acting import is_done
from marketplace.referrals.pages.buyer.page import SHORT, bp
from marketplace.referrals.pages.buyer.showing import require_proof, show_answer
from marketplace.referrals.reward_schemas import ShareInput, ThingInput


@bp.post("/<token>/share", defaults=SHORT)
@bp.post("/<purpose>/<token>/share")
@limiter.limit(WRITING)
def share(purpose: str, token: str) -> Any:
    """What becomes of the buyer's share: given to the cause, or declined. Money is taken by signing in."""
    return _act(purpose, token, ShareInput(), _choose)


@bp.post("/<token>/thing", defaults=SHORT)
@bp.post("/<purpose>/<token>/thing")
@limiter.limit(WRITING)
def thing(purpose: str, token: str) -> Any:
    """Thanks for what the business gave that is not money, or no thanks."""
    return _act(purpose, token, ThingInput(), _thank)


def _act(purpose: str, token: str, schema: Schema, verb: Callable[..., str]) -> Any:
    """Of whoever shows that the page is theirs; ``verb`` gives the sentence that says what happened."""
    lead, form = open_buyer_link(purpose, token), Form(schema)
    require_proof(lead, purpose, token)
    if is_done(form, lambda: verb(lead, **form.fields)):
        return redirect(url_for(".show", purpose=purpose, token=token))
    return show_answer(lead, purpose, token, refusal=form.refusal), form.status


def _choose(lead: Lead, reward_id: str, choice: Choice) -> str:
    reward = next((one for one in shares_of_buyer(lead) if one.id == reward_id), None)
    if reward is None or choice is Choice.MONEY:
        raise Invalid("Choose one of the ways that stand on the page.", next_step="Look at the page again.")
    if choice is Choice.DONATION:
        give_to_cause(reward)
        return "Thank you. The business gives as much to its cause, and says here when it has."
    decline_share(reward)
    return "Declined. It goes back to the business."


def _thank(lead: Lead, kind_id: str, say: str) -> str:
    owed = next((one for one in things_of_lead(lead) if one.id == kind_id), None)
    if owed is None:
        raise Invalid("That is not on this page.", next_step="Look at the page again.")
    {"thanks": acknowledge_thing, "no": decline_thing}[say](owed, by=None)
    return "They are told."
