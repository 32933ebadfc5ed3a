"""HTML for people: what a business paid in, and how a referrer is paid."""
from marketplace.payments.pages import business, business_statements, payee_statements, referrer

BLUEPRINTS = [business.bp, referrer.bp, payee_statements.bp, business_statements.bp]
