"""HTML of tracking, by audience."""
from flask import Blueprint

from marketplace.tracking.pages import (
    bought,
    business_stripe,
    claims,
    conversions,
    following,
    integration,
    leading,
    links,
    partners,
    stripe_door,
    uploads,
)

BLUEPRINTS: list[Blueprint] = [links.bp, following.bp, leading.bp, conversions.bp, bought.bp, claims.bp, integration.bp,
                               business_stripe.bp, stripe_door.bp, uploads.bp, partners.bp]
