"""Files as evidence: read from a form before anything is written, and given out so that nothing in them runs."""
from contextlib import closing
from typing import Any

from flask import Blueprint, request

from marketplace.foundation.db import finish_reading, transaction
from marketplace.foundation.given_files import MOST_BYTES, GivenFile, read_given
from marketplace.foundation.limits import DRAWING, caller, limiter
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.evidence_files import (
    MOST_AT_ONCE,
    TooManyFiles,
    get_file,
    open_file,
    see_file,
    was_seen_today,
)
from marketplace.referrals.models import FileKind
from marketplace.referrals.private_pages import answer_with
from marketplace.referrals.queries import get_lead

bp = Blueprint("evidence_files", __name__)

MOST_SENT = MOST_AT_ONCE * MOST_BYTES


def read_given_files() -> list[GivenFile]:
    """What the form carries under ``files``. All of them are read before one is kept. BadFile, TooManyFiles (422)."""
    sent = [file for file in request.files.getlist("files") if file.filename]
    if not sent:
        return []
    if len(sent) > MOST_AT_ONCE:
        raise TooManyFiles(f"We take {MOST_AT_ONCE} files at once.", fields={
            "files": [f"We take {MOST_AT_ONCE} files at once. Choose those that show it best."]})
    finish_reading()
    with limiter.limit(DRAWING, key_func=caller):
        contents = []
        for file in sent:
            with closing(file):
                contents.append(file.read(MOST_BYTES + 1))
        return [read_given(content) for content in contents]


@bp.get("/leads/<lead_id>/files/<file_id>")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def take(lead_id: str, file_id: str) -> Any:
    """To be kept, never to be shown by the browser."""
    user = signed_in_user()
    with transaction():
        file = open_file(get_lead(lead_id, seen_by=user), file_id, by=user)
        return answer_with(file, is_shown=False)


@bp.get("/leads/<lead_id>/files/<file_id>/picture")
@signed_in
def picture(lead_id: str, file_id: str) -> Any:
    """Our own copy of an image, or of a page. Only the first look of a day has something to write down."""
    user = signed_in_user()
    lead = get_lead(lead_id, seen_by=user)
    if was_seen_today(lead, file_id, by=user):
        file = get_file(lead, file_id, by=user)
    else:
        with transaction():
            file = see_file(get_lead(lead_id, seen_by=user), file_id, by=user)
    if file.kind is not FileKind.IMAGE:
        return take(lead_id, file_id)
    return answer_with(file, is_shown=True)
