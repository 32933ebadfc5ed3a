"""Reads the post that somebody pasted, as an address or as text, while no transaction is open."""
from dataclasses import dataclass
from datetime import date

from flask import current_app

from marketplace.foundation.db import finish_reading
from marketplace.foundation.errors import Invalid
from marketplace.foundation.platforms import why_closed
from marketplace.foundation.public_posts import read_public_post
from marketplace.referrals.needs import LONGEST_READ


class NothingToRead(Invalid):
    """The page has no text that we can read."""

    code = "page_empty"


class ClosedPlatform(Invalid):
    """Only people who are signed in can read there; it is not dialled."""

    code = "closed_platform"


@dataclass(frozen=True)
class Post:
    """``url`` is "" for pasted text; ``title`` and ``author`` are what a page says of itself."""

    text: str
    url: str = ""
    title: str = ""
    author: str = ""
    written_on: date | None = None
    language: str | None = None


def read_post(*, url: str = "", text: str = "") -> Post:
    """FetchFailed, ClosedPlatform and NothingToRead (422) say what to do.

    Call it outside a transaction: it waits for a stranger.
    """
    if not url:
        return Post(text=text[:LONGEST_READ])
    if closed := why_closed(url):
        raise ClosedPlatform(closed[0], next_step="Paste the text of the post instead.")
    finish_reading()
    # Somebody waits for the answer: the site's feed is asked when the post is pointed out.
    reading = read_public_post(url, allow=current_app.extensions["settings"].fetch_allow, asks_feed=False)
    if not reading.text:
        raise NothingToRead("The page has no text that we can read.", next_step="Paste the text of the post instead.")
    return Post(reading.text[:LONGEST_READ], url, reading.title, reading.author, reading.published_on, reading.language)
