"""How the gate's rules change: an admin proposes the next number with its citation, another one puts it into force."""
from datetime import date

from sqlalchemy import func, select

from marketplace.bounties.gate import ALL_IN_FORCE
from marketplace.bounties.models import Allowed, Category, GateRule
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Forbidden, NotFound, require
from marketplace.identity.models import User


class OwnProposal(Forbidden):
    code = "own_proposal"


class AlreadyReviewed(Conflict):
    code = "already_reviewed"


class Overtaken(Conflict):
    code = "overtaken"


def propose_rule(
    *, by: User, key: str, category: Category, jurisdiction: str, allows: Allowed, says: str, citation: str,
    cited_on: date, binds_buyer: bool = False, exception: str = "", source_url: str = "",
) -> GateRule:
    """The next number of ``key``, or a new rule. Nothing changes before another admin has reviewed it."""
    require(by.is_admin, "propose a rule of the gate")
    before = db.session.scalar(
        select(GateRule).where(GateRule.key == key).order_by(GateRule.number.desc()).limit(1))
    if before is not None and (before.category, before.jurisdiction) != (category, jurisdiction):
        raise Conflict("A rule keeps its category and place.", next_step="Propose a rule with a new name for this one.")
    rule = GateRule(
        key=key, number=(before.number if before else 0) + 1, category=category, jurisdiction=jurisdiction,
        allows=allows, binds_buyer=binds_buyer, says=says, exception=exception, citation=citation,
        source_url=source_url, cited_on=cited_on, proposed_by=by.id)
    db.session.add(rule)
    db.session.flush()
    audit.record("gate_rule.proposed", rule.id, by=by.id, key=key, number=rule.number, allows=allows)
    return rule


def review_rule(rule: GateRule, *, by: User) -> None:
    """Read against its citation and found right. A proposal comes into force now; live bounties follow by a job."""
    require(by.is_admin, "review a rule of the gate")
    db.session.refresh(rule, with_for_update=True)
    if rule.reviewed_at is not None:
        raise AlreadyReviewed("Somebody has reviewed this one already.", next_step="Reload the page.")
    if rule.proposed_by == by.id:
        raise OwnProposal("You proposed this one yourself.", next_step="Ask another admin to read it.")
    newest = db.session.scalar(select(func.max(GateRule.number)).where(
        GateRule.key == rule.key, GateRule.reviewed_at.is_not(None)))
    if (newest or 0) > rule.number:
        raise Overtaken("A later number of this rule is in force already.", next_step="Look at that one.")
    rule.reviewed_by, rule.reviewed_at = by.id, clock.now()
    audit.record("gate_rule.reviewed", rule.id, by=by.id, key=rule.key, number=rule.number, allows=rule.allows)
    outbox.promise("apply_gate", category=rule.category)


def all_rules() -> list[GateRule]:
    """By category and place, the newest number first."""
    return list(db.session.scalars(
        select(GateRule).order_by(GateRule.category, GateRule.jurisdiction, GateRule.key, GateRule.number.desc())))


def get_rule(rule_id: str) -> GateRule:
    rule = db.session.get(GateRule, rule_id)
    if rule is None:
        raise NotFound("No such rule.")
    return rule


def ids_in_force() -> set[str]:
    return {rule.id for rule in db.session.scalars(ALL_IN_FORCE)}
