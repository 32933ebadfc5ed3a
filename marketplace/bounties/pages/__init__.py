"""HTML for people: what anybody may see of bounties, and the room where a business writes them."""
from marketplace.bounties.pages import board, business, free_funds, funding

BLUEPRINTS = [board.bp, business.bp, funding.bp, free_funds.bp]
