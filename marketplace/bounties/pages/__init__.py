"""HTML for people: what anybody may see of bounties, and the room where a business writes them."""
from marketplace.bounties.pages import board, business, funding

BLUEPRINTS = [board.bp, business.bp, funding.bp]
