"""What private pages have in common: in no search engine, calm where they are closed, files in which nothing runs."""
from typing import Any

from flask import Blueprint, Response, render_template, request

from marketplace.foundation.crypto import LinkEnded
from marketplace.foundation.errors import DomainError
from marketplace.foundation.given_files import SHOWN
from marketplace.referrals.evidence_files import neutral_name
from marketplace.referrals.models import EvidenceFile

NOTHING_RUNS = "default-src 'none'; sandbox"


def make_private(bp: Blueprint, *, purpose: str = "") -> None:
    """``purpose``: of the links that open it, where the address does not name it."""

    @bp.after_request
    def keep_out_of_sight(response: Response) -> Response:
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    @bp.errorhandler(LinkEnded)
    def ended(refusal: LinkEnded) -> Any:
        """Signed by us, and too old: a new one by mail is one tap away."""
        opened: dict[str, Any] = {"purpose": purpose, **(request.view_args or {})}
        return render_template("referrals/buyer_ended.html", refusal=refusal, purpose=opened["purpose"],
                               token=opened["token"]), refusal.status

    @bp.errorhandler(DomainError)
    def closed(refusal: DomainError) -> Any:
        """Forged, cut off, over: a page of the same calm kind, with what to do."""
        return render_template("referrals/buyer_closed.html", refusal=refusal), refusal.status


def answer_with(file: EvidenceFile, *, is_shown: bool) -> Response:
    """A file that was given: shown as our own copy, if it is a picture, or only ever taken away."""
    answer = Response(file.content, mimetype=SHOWN if is_shown else "application/octet-stream")
    disposition = "inline" if is_shown else "attachment"
    answer.headers["Content-Disposition"] = f'{disposition}; filename="{neutral_name(file)}"'
    answer.headers["Content-Security-Policy"] = NOTHING_RUNS
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return answer
