"""How often one caller may ask, and what they are told of it. Counted per address, or per signed-in user or API key."""
from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

from marketplace.foundation import clock

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


limiter = Limiter(caller, default_limits=[EVERYTHING], strategy="fixed-window")


def init_app(app: Flask, storage: str) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = storage
    limiter.init_app(app)
    app.after_request(say_limit)


def say_limit(response: Response) -> Response:
    """What is left to a program (draft-ietf-httpapi-ratelimit-headers-10); when to come back, to whoever was stopped.

    The limiter counts by the time of the machine, and so does this, whatever clock the product goes by.
    """
    limit, is_stopped = limiter.current_limit, response.status_code == 429
    if limit is None or not (is_stopped or request.path.startswith("/api/v1/")):
        return response
    seconds = max(1, int(limit.reset_at - clock.system_time().timestamp()))
    if is_stopped:
        response.headers["Retry-After"] = str(seconds)
    response.headers["RateLimit-Policy"] = f'"default";q={limit.limit.amount};w={limit.limit.get_expiry()}'
    response.headers["RateLimit"] = f'"default";r={limit.remaining};t={seconds}'
    return response
