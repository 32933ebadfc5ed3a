"""Development only: the mails that were sent, a clock to move, and David's blog. Production never registers it."""
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from marshmallow import Schema, fields, validate

from marketplace.foundation import clock
from marketplace.foundation.errors import Conflict, Invalid, NotFound
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.mail import list_kept, read_kept
from marketplace.foundation.web import Form
from marketplace.settings import Settings

bp = Blueprint("dev", __name__, url_prefix="/dev")

STEPS = {1: "One day on", 8: "Eight days on", 31: "31 days on"}  # By days; 31 outlast the usual hold.


@dataclass(frozen=True)
class Post:
    """One post of the demo blog; its words are ``templates/dev/posts/<slug>.html``."""

    slug: str
    title: str
    summary: str
    days_ago: int

    @property
    def published_at(self) -> datetime:
        """Moves along with the clock, so that the demo's evidence is always fresh."""
        return (clock.now() - timedelta(days=self.days_ago)).replace(hour=7, minute=40, second=0, microsecond=0)


AUTHOR = "David Brandt"
POSTS = (
    Post("in-the-market-for-a-car", "Goodbye, old wagon",
         "The transmission has given up, and I need something for two kids and a dog.", 2),
    Post("a-shoebox-of-receipts", "A shoebox of receipts",
         "The shop is three years old, and its books live in a box.", 4),
    Post("sourdough-at-last", "Sourdough, at last", "Nineteen attempts, one good loaf, and what changed.", 6),
    Post("thinking-about-solar", "Is it time for solar?", "The electricity bill came, and I measured the roof.", 11),
    Post("piano-lessons", "Seven is a good age for a piano", "Mila has outgrown the toy keyboard.", 19),
    Post("a-week-without-a-laptop", "A week without a laptop", "What I missed, what I did not, and what I bought.", 64),
)


class ClockStep(Schema):
    """Days to move on; 0 goes back to real time."""

    days = fields.Integer(required=True, validate=validate.OneOf([0, *STEPS]))


@bp.get("/mail")
def mails() -> Any:
    folder = _settings().mail_dir
    return render_template("dev/mails.html", mails=list_kept(folder) if folder else [])


@bp.get("/mail/<name>")
def mail(name: str) -> Any:
    folder = _settings().mail_dir
    if folder is None:
        raise NotFound("No mails are kept here.", next_step="Set MAIL_DIR to keep them in a folder.")
    return render_template("dev/mail.html", kept=read_kept(folder, name))


@bp.get("/clock")
def clock_page() -> Any:
    return render_template(
        "dev/clock.html", now=clock.now(), moved=_moved(), steps=STEPS, is_movable=_settings().clock_file is not None)


@bp.post("/clock")
@limiter.limit(WRITING, key_func=caller)
def move_clock() -> Any:
    form, file = Form(ClockStep()), _settings().clock_file
    if not form.is_ready:
        raise Invalid("The clock moves by 1, 8 or 31 days, or back to real time.", next_step="Use the buttons.")
    if file is None:
        raise Conflict("This clock cannot be moved.", next_step="Set CLOCK_FILE, as `make run` does.")
    days = form.fields["days"]
    moved = _moved() + timedelta(days=days) if days else timedelta(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".new")
    written.write_text(str(int(moved.total_seconds())))
    written.replace(file)  # The worker reads either the old time or the new one.
    flash("The clock has moved, for the site and its worker." if days else "Back to real time.", "ok")
    return redirect(url_for(".clock_page"))


@bp.get("/blog/")
def blog() -> Any:
    return render_template("dev/blog.html", posts=POSTS, author=AUTHOR, long_day=_long_day)


@bp.get("/blog/<slug>")
def blog_post(slug: str) -> Any:
    post = next((post for post in POSTS if post.slug == slug), None)
    if post is None:
        raise NotFound("David has written no such post.", next_step="Look at his front page.")
    return render_template(
        "dev/blog_post.html", post=post, author=AUTHOR, long_day=_long_day, words=f"dev/posts/{post.slug}.html")


def _moved() -> timedelta:
    file = _settings().clock_file
    if file is None or not file.exists():
        return timedelta(0)
    return timedelta(seconds=int(file.read_text() or 0))


def _long_day(day: date) -> str:
    return format_date(day, "full", locale="en_US")


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found
