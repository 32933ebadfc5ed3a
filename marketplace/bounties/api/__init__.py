"""What businesses offer, and the money behind it, for programs."""
from marketplace.bounties.api import funds, offers

BLUEPRINTS = [offers.bp, funds.bp]
