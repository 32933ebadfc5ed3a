"""The states of an upload, and the only place that moves them."""
from marketplace.foundation import audit
from marketplace.foundation.states import check_move
from marketplace.tracking.models import Upload, UploadState

S = UploadState
UPLOAD_MOVES: dict[UploadState, frozenset[UploadState]] = {
    S.RECEIVED: frozenset({S.CHECKING, S.DISCARDED}),
    S.CHECKING: frozenset({S.CHECKED, S.DISCARDED}),
    S.CHECKED: frozenset({S.RECEIVED, S.TAKING, S.DISCARDED}),
    S.TAKING: frozenset({S.TAKEN}),
    S.TAKEN: frozenset({S.DISCARDED}),
    S.DISCARDED: frozenset(),
}


def move_upload(upload: Upload, target: UploadState, *, by: str, **said: object) -> None:
    check_move(UPLOAD_MOVES, upload.state, target)
    audit.record(f"upload.{target}", upload.id, by=by, was=upload.state, purpose=upload.purpose, **said)
    upload.state = target
