"""Stripe's two worlds: real money, or test."""
from flask import current_app


def is_live() -> bool:
    """Whether our key moves real money; everything Stripe tells us must be of the same world."""
    return "_live_" in current_app.extensions["settings"].stripe_secret_key
