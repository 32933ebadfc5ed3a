"""How often one caller may ask. Counted per address, or per signed-in user or API key."""
from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

EVERYTHING = "600 per minute"
GUESSING = "20 per 15 minutes"  # Sign-in, password reset, links: per address (ASVS 6.3.1).
GUESSING_ONE = "5 per 15 minutes"  # The same, per account tried.
WRITING = "60 per minute"
PROGRAMS = "300 per minute"  # What a program writes, of each kind: per key’s owner.
READING_OUTSIDE = "20 per minute"  # Each may dial a stranger's server and wait for it.
DRAWING = "10 per minute"  # A PDF costs as much as many pages.


def caller() -> str:
    if current_user and current_user.is_authenticated:
        return str(current_user.get_id())
    return get_remote_address() or "unknown"


def account_tried() -> str:
    return request.form.get("email", "").strip().lower() or get_remote_address() or "unknown"


limiter = Limiter(caller, default_limits=[EVERYTHING], headers_enabled=True, strategy="fixed-window")


def init_app(app: Flask, storage: str) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = storage
    limiter.init_app(app)
