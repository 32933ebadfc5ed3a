"""The sentence beside each link: what who gave it may get. On the page, on the card, before the buyer goes on."""
from marketplace.bounties.disclosure import disclose
from marketplace.bounties.gate import rule_on
from marketplace.bounties.models import Bounty
from marketplace.identity.models import User


def disclosure_beside(bounty: Bounty, referrer: User) -> str:
    """As the law of both places leaves it. Whoever follows a link goes by themselves, so nothing is said of a yes."""
    ruling = rule_on(bounty.terms.category, [bounty.terms.jurisdiction, referrer.jurisdiction])
    return disclose(bounty.terms, ruling, bounty.business.name, is_decided=True)
