"""Posts to an address that a stranger gave, on the public web only, within fixed bounds; says what came of it."""
from dataclasses import dataclass
from time import monotonic

import requests

from marketplace.foundation.dialling import Deadline, PublicWebAdapter
from marketplace.foundation.fetch import CONNECT_SECONDS, FetchFailed, FetchFailure, failures_named
from marketplace.foundation.urls import split_web_url

TOTAL_SECONDS = 10.0


@dataclass(frozen=True)
class Posted:
    """``status`` of HTTP, or where nothing came back ``failure``; ``milliseconds`` until then."""

    status: int | None
    failure: FetchFailure | None
    milliseconds: int

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: dict[str, str], *, allow: frozenset[str] = frozenset()) -> Posted:
    """In ten seconds at most. No redirect is followed, and of the answer nothing but its status is read.

    ``allow`` as in fetch. Call it outside a database transaction: it waits for a stranger.
    """
    begun, status, failure = monotonic(), None, None
    try:
        with Deadline(TOTAL_SECONDS) as deadline, failures_named(deadline):
            status = _send(url, body, headers, deadline, allow)
    except FetchFailed as failed:
        failure = failed.reason
    return Posted(status, failure, int((monotonic() - begun) * 1000))


def _send(url: str, body: bytes, headers: dict[str, str], deadline: Deadline, allow: frozenset[str]) -> int:
    split_web_url(url)
    request = requests.Request("POST", url, data=body, headers={**headers, "Connection": "close"}).prepare()
    adapter = PublicWebAdapter(deadline, allow)
    try:
        patience = (deadline.at_most(CONNECT_SECONDS), deadline.at_most(TOTAL_SECONDS))
        with adapter.send(request, stream=True, timeout=patience, proxies={}) as response:
            return int(response.status_code)
    finally:
        adapter.close()
