"""What every private page of a buyer has in common: out of sight of search engines, and calm where it is closed."""
from typing import Any

from flask import Blueprint, Response, render_template, request

from marketplace.foundation.crypto import LinkEnded
from marketplace.foundation.errors import DomainError


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
