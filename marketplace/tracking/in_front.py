"""Puts the redirect in front of an application."""
from pathlib import Path

from flask import Flask

from marketplace.foundation.crypto import derived_key
from marketplace.foundation.db import db
from marketplace.tracking.click_ids import signer
from marketplace.tracking.redirects import Redirects, Sink, Visitors
from marketplace.tracking.spools import Spool
from marketplace.tracking.ways import Ways
from marketplace.tracking.writing_at_once import WritingAtOnce


def init_app(app: Flask, *, folder: Path, at_once: bool, secure: bool, allow: frozenset[str]) -> None:
    """``folder`` is for the files of clicks; ``at_once``: into the database instead, before the answer."""
    spool = Spool(folder)
    with app.app_context():
        sink: Sink = WritingAtOnce(db.engine, spool) if at_once else spool
        redirects = Redirects(
            app.wsgi_app, Ways(db.engine), signer(), Visitors(derived_key("visitors")), sink, secure, allow)
    app.extensions["redirects"] = redirects
    app.wsgi_app = redirects  # type: ignore[method-assign]


def redirects_of(app: Flask) -> Redirects:
    """The one that stands in front of this application."""
    found: Redirects = app.extensions["redirects"]
    return found
