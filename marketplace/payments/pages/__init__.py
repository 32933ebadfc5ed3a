"""HTML for people: what a business paid in, and how a referrer is paid."""
from marketplace.payments.pages import business, referrer

BLUEPRINTS = [business.bp, referrer.bp]
