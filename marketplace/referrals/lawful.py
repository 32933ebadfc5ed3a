"""What the law lets be given for one lead: the strictest of the places of business, referrer and buyer."""
from collections.abc import Iterable

from sqlalchemy import select

from marketplace.bounties.gate import Ruling, is_gated, rule_on, rules_in_force, stricter, strictest
from marketplace.bounties.models import Allowed, Bounty, For, GateRule, NonCash, RewardKind
from marketplace.bounties.preview import reward_in_words
from marketplace.bounties.rule_words import THINGS, what_in_words
from marketplace.bounties.rules import Earned, Event, RewardPreview, price
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
    return stricter(kept, rule_on(lead.terms.category, _places(lead)))


def rulings_of(leads: Iterable[Lead]) -> dict[str, Ruling]:
    """The same of many, by lead, in as many statements as they have categories, and one."""
    asked = list(leads)
    named = {lead.gate_rule_id for lead in asked if lead.gate_rule_id}
    rules = {rule.id: rule for rule in db.session.scalars(select(GateRule).where(GateRule.id.in_(named)))} if (
        named) else {}
    in_force = {category: rules_in_force(category) for category in {lead.terms.category for lead in asked}}
    return {lead.id: stricter(Ruling(lead.allowed, rules.get(lead.gate_rule_id or "")), strictest(
        in_force[lead.terms.category], _places(lead))) for lead in asked}


def _places(lead: Lead) -> list[str]:
    return [lead.terms.jurisdiction, lead.referrer.jurisdiction, lead.buyer_jurisdiction]


def lowering_for(lead: Lead, user: User) -> GateRule | None:
    """The rule of their own place that forbids somebody a part which the lead's referrer may have; None: they may."""
    of_lead = ruling_of(lead)
    ruling = stricter(of_lead, rule_on(lead.terms.category, [user.jurisdiction]))
    is_less = any(ruling.forbids(part) and not of_lead.forbids(part)
                  for part in lead.terms.rules if part.whom is For.REFERRER)
    return ruling.rule if is_less else None


def price_for(lead: Lead, event: Event, used: Earned | None) -> RewardPreview:
    """What ``event`` earns with this lead: its terms as far as the law lets them be kept."""
    return price(lead.terms, event, used, ruling_of(lead))


def promised_in_words(lead: Lead) -> str:
    """What its referrer would get: as the terms say, or what the law leaves of it."""
    ruling = ruling_of(lead)
    mine = [part for part in lead.terms.rules if part.whom is For.REFERRER]
    kept = [part for part in mine if not ruling.forbids(part)]
    if len(kept) == len(mine):
        return reward_in_words(lead.terms)
    said = [what_in_words(part, lead.terms.currency) for part in kept]
    if not said and ruling.allows is Allowed.THANK_YOU:
        said = [THINGS[NonCash.THANK_YOU]]
    return " and ".join(said) or "nothing"


def pays_in_money(lead: Lead) -> bool:
    """Whether its referrer would get any: terms or the law may leave thanks alone."""
    ruling = ruling_of(lead)
    return any(part.kind is not RewardKind.NON_CASH and not ruling.forbids(part)
               for part in lead.terms.rules if part.whom is For.REFERRER)


def lowering_of(lead: Lead) -> GateRule | None:
    """The rule that leaves the referrer less than the terms say; None where they get it all."""
    ruling = ruling_of(lead)
    mine = (part for part in lead.terms.rules if part.whom is For.REFERRER)
    return ruling.rule if any(ruling.forbids(part) for part in mine) else None
