"""Which clicks do not count: programs and prefetches, told by the request; repeats, told by what was before."""
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import crawleruseragents

from marketplace.tracking.models import ClickMark

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REPEAT_WITHIN = timedelta(hours=1)  # Of a visitor and a link: counted once.
_WITHIN = REPEAT_WITHIN // timedelta(milliseconds=1)
_EARLY = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_EARLY_WORDS = ("prefetch", "prerender", "preview")


def mark_of_request(environ: "WSGIEnvironment") -> ClickMark:
    if environ["REQUEST_METHOD"] == "HEAD" or is_program(environ.get("HTTP_USER_AGENT", "")[:400]):
        return ClickMark.BOT
    for header in _EARLY:
        if (said := environ.get(header)) and any(word in said.lower() for word in _EARLY_WORDS):
            return ClickMark.PREFETCH
    return ClickMark.COUNTED


@lru_cache(maxsize=10_000)
def is_program(names_itself: str) -> bool:
    """A crawler, a preview, a script: by the list that crawler-user-agents keeps, or it says nothing of itself."""
    return not names_itself or crawleruseragents.is_crawler(names_itself)


class Seen(NamedTuple):
    """One click as it was written."""

    code: str
    milliseconds: int  # Since 1970: dates are dear where there are thousands.
    visitor: str
    mark: ClickMark
    sub: str | None


def mark_repeats(seen: Iterable[Seen], counted: dict[tuple[str, str], list[int]]) -> list[ClickMark]:
    """The mark of each. ``counted``: when (ms) the same visitor and link were counted around then; filled as it goes.

    Processes write files of their own, so a click may be taken in after a later one: both sides are looked at.
    """
    marks = []
    for click in seen:
        mark = click.mark
        if mark is ClickMark.COUNTED:
            key, moment = (click.visitor, click.code), click.milliseconds
            times = counted.get(key)
            if times is None:
                counted[key] = [moment]
            elif any(abs(moment - time) < _WITHIN for time in times):
                mark = ClickMark.REPEAT
            else:
                times.append(moment)
        marks.append(mark)
    return marks
