"""Mails to who uploaded a long file: it was checked, it was taken."""
from collections.abc import Callable

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.identity.models import Business, User
from marketplace.tracking.models import Upload
from marketplace.tracking.uploads.rows import WORDS, RowOutcome


def upload_checked(upload_id: str) -> list[Mail]:
    return _letter(upload_id, "Your file is checked", "Nothing is taken yet. Of the rows", "See every row, then choose")


def upload_taken(upload_id: str) -> list[Mail]:
    return _letter(upload_id, "Your file is taken", "This is what came of the rows", "See every row")


def _letter(upload_id: str, subject: str, begin: str, label: str) -> list[Mail]:
    upload = db.session.get_one(Upload, upload_id)
    user, business = db.session.get_one(User, upload.uploaded_by), db.session.get_one(Business, upload.business_id)
    if not user.is_active or user.role_in(business.id) is None:
        return []
    said = ", ".join(f"{WORDS[one]}: {upload.counts[one]:,}" for one in RowOutcome if upload.counts.get(one))
    return [compose(
        user.email, subject, f"It is about the file with {upload.row_count - 1:,} rows that you uploaded for "
        f"{business.name}.",
        f"{begin}: {said or 'none'}.", name=user.name, action=(label, public_url(f"/uploads/{upload.id}")))]


LETTERS: dict[str, Callable[..., list[Mail]]] = {letter.__name__: letter for letter in (upload_checked, upload_taken)}
