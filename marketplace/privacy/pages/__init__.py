"""HTML for those about whom something is kept: buyers by a signed link, account holders in their settings."""
from marketplace.privacy.pages import account, business, buyer

BLUEPRINTS = [buyer.bp, account.bp, business.bp]
