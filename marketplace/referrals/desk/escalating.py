"""An admin who is not sure passes a lead on, with a note, and does not decide it then."""
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.states import check_move
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.desk.claims import let_go
from marketplace.referrals.desk.deciders import check_decider, standing_escalations, who_else
from marketplace.referrals.desk.telling import GRACE, ToldAlready
from marketplace.referrals.models import Escalation, Lead, Moderation
from marketplace.referrals.permissions import may_decide


class NobodyElse(Conflict):
    code = "nobody_else"


def escalate_lead(
    lead: Lead, *, by: User, note: str, to_id: str | None = None, version: int | None = None
) -> Escalation:
    """To the admin ``to_id``, or to whoever takes it next. The clock runs on. NobodyElse (409) where none could."""
    check_decider(lead, by=by, version=version)
    check_move(lifecycle.MODERATION_MOVES, lead.moderation, Moderation.ACCEPTED)
    others = who_else(lead, besides=by)
    if not others:
        raise NobodyElse("There is no other admin who could decide this lead.",
                         next_step="Decide it, or ask the referrer for what you need.")
    if to_id and to_id not in {one.id for one in others}:
        raise Invalid("That is nobody who could decide this lead.", fields={"to_id": ["Choose from the list."]})
    escalation = Escalation(lead_id=lead.id, escalated_by=by.id, to_id=to_id or None, note=note)
    db.session.add(escalation)
    db.session.flush()
    audit.record("lead.escalated", lead.id, by=by.id, to=to_id)
    let_go(lead, by=by)
    outbox.promise("send_letter", after=GRACE, letter="lead_escalated", escalation_id=escalation.id)
    return escalation


def take_back_escalation(lead: Lead, *, by: User) -> None:
    """Before the other admins are told. ToldAlready (409) after that, or where there is none of theirs."""
    require(may_decide(by, lead), "decide this lead")
    mine = next((one for one in standing_escalations(lead) if one.escalated_by == by.id), None)
    if mine is None or clock.now() >= mine.created_at + GRACE:
        raise ToldAlready("The other admins have been told of it.", next_step="One of them decides.")
    mine.settled_at = clock.now()
    audit.record("lead.escalation_taken_back", lead.id, by=by.id)
