"""HTML for people: signing up and in, their settings, their businesses."""
from marketplace.identity.pages import businesses, settings, sign

BLUEPRINTS = [sign.bp, settings.bp, businesses.bp]
