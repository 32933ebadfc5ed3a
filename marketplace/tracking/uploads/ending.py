"""A file that nobody needs any more goes by itself: some days after it was taken, or uploaded and left."""
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.tracking.models import Upload, UploadState
from marketplace.tracking.uploads.starting import discard_upload

WAITING = (UploadState.RECEIVED, UploadState.CHECKING, UploadState.CHECKED, UploadState.TAKEN)


def discard_old_uploads(kept_for: timedelta, most: int) -> int:
    """How many went. One that is being taken is never stopped half way."""
    since = clock.now() - kept_for
    old = db.session.scalars(select(Upload).where(
        Upload.state.in_(WAITING), Upload.created_at < since,
        Upload.taken_at.is_(None) | (Upload.taken_at < since)).order_by(Upload.id).limit(most)).all()
    for upload in old:
        discard_upload(upload, by=audit.SYSTEM)
    return len(old)
