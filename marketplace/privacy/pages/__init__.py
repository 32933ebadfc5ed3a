"""HTML for those about whom something is kept: buyers by a signed link, account holders in their settings."""
from marketplace.privacy.pages import buyer

BLUEPRINTS = [buyer.bp]
