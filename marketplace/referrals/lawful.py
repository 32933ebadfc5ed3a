"""What the law lets be given for one lead: the strictest of the places of business, referrer and buyer."""
from marketplace.bounties.gate import Ruling, is_gated, rule_on, stricter
from marketplace.bounties.models import Bounty, GateRule
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid
from marketplace.identity.models import User
from marketplace.identity.profile import say_home
from marketplace.referrals.models import Lead


class HomeUnsaid(Invalid):
    code = "home_unsaid"


def learn_home(bounty: Bounty, user: User, said: str) -> None:
    """Where the law limits rewards, the referrer's own place must be known before they point. HomeUnsaid (422)."""
    if said:
        say_home(user, said)
    elif not user.jurisdiction and is_gated(bounty.terms.category):
        raise HomeUnsaid(
            "In this category the law of the place where you live decides what you may be given.",
            next_step="Say where you live; we ask once.",
            fields={"your_jurisdiction": ["Choose where you live."]})


def keep_ruling(lead: Lead, bounty: Bounty, referrer: User) -> None:
    """Frozen with the lead, beside its terms: a law that gets freer later raises nothing."""
    ruling = rule_on(bounty.terms.category, [
        bounty.terms.jurisdiction, referrer.jurisdiction, lead.buyer_jurisdiction])
    lead.allowed, lead.gate_rule_id = ruling.allows, ruling.rule.id if ruling.rule else None


def ruling_of(lead: Lead) -> Ruling:
    """What was allowed when it was pointed out, or less where the law or what is known of the places says less now."""
    kept = Ruling(lead.allowed, db.session.get(GateRule, lead.gate_rule_id) if lead.gate_rule_id else None)
    return stricter(kept, rule_on(lead.terms.category, [
        lead.terms.jurisdiction, lead.referrer.jurisdiction, lead.buyer_jurisdiction]))


def note_where_buyer_is(lead: Lead, jurisdiction: str, *, by: str) -> None:
    """The buyer knows best; what they say counts when the reward is earned."""
    if jurisdiction and jurisdiction != lead.buyer_jurisdiction:
        lead.buyer_jurisdiction = jurisdiction
        audit.record("lead.buyer_placed", lead.id, by=by)
