"""HTML for those about whom something is kept: buyers by a signed link, account holders in their settings."""
from marketplace.privacy.pages import account, buyer

BLUEPRINTS = [buyer.bp, account.bp]
