"""Whose customer somebody is: one pure function, from what is known to the shares, with the reasons in words.

In this order: by what they bought first; the buyer's own answer; what bound them first (a lead of theirs, or an earlier
report); a code that was said; a click within its days, the first or the last of a bounty as its terms say. Only the
times count, never the order in which things arrive here.
"""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from marketplace.bounties.models import Pick
from marketplace.foundation.money import BASIS
from marketplace.foundation.show import day_in_words


class TouchKind(StrEnum):
    CLICK = "click"
    CODE = "code"


@dataclass(frozen=True)
class Touch:
    """A click on a referrer's link, or their code said aloud. ``name`` is what people read of it.

    ``ended_at``: of the link, if it had ended by then; a code that is said from then on promises nothing.
    """

    kind: TouchKind
    at: datetime
    referrer_id: str
    bounty_id: str
    link_id: str
    name: str
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Of clicks there are none from then on: the redirect gives no id."""
        return self.kind is TouchKind.CODE and self.ended_at is not None and self.at >= self.ended_at


@dataclass(frozen=True)
class Bound:
    """A lead that this customer belongs to since ``at``. ``parts``: (user, basis points) of a split that all agreed to.

    ``is_named``: the business itself named the lead. ``has_bought``: it brought the first sale, so no other can.
    """

    lead_id: str
    at: datetime
    referrer_id: str
    bounty_id: str
    name: str
    parts: tuple[tuple[str, int], ...] = ()
    is_named: bool = False
    has_bought: bool = False


@dataclass(frozen=True)
class Word:
    """The buyer says who told them (None: nobody did), perhaps by a yes to the lead ``lead_id``."""

    referrer_id: str | None
    at: datetime
    lead_id: str | None = None


@dataclass(frozen=True)
class Window:
    """Of one bounty's terms: how long a click counts, and which of several."""

    days: int = 90
    pick: Pick = Pick.LAST


@dataclass(frozen=True)
class Share:
    referrer_id: str
    bps: int


@dataclass(frozen=True)
class Attribution:
    """``shares`` add up to 10,000, or there are none. What won is ``bound`` or ``touch``; ``reasons`` are sentences."""

    shares: tuple[Share, ...]
    reasons: tuple[str, ...]
    bound: Bound | None = None
    touch: Touch | None = None

    @property
    def referrer_id(self) -> str | None:
        return self.shares[0].referrer_id if self.shares else None


USUAL = Window()


def attribute(
    touches: Iterable[Touch], leads: Iterable[Bound], word: Word | None, terms_window: Mapping[str, Window],
    *, at: datetime,
) -> Attribution:
    """Whose a conversion is that happened ``at``. ``terms_window`` is by bounty; others have the usual."""
    reasons: list[str] = []
    bound = sorted(set(leads), key=lambda one: (not one.has_bought, one.at, one.lead_id))
    open_touches = _in_time(sorted(set(touches), key=_when), terms_window, at, reasons)
    bought = {one.lead_id for one in bound if one.has_bought}
    if word is not None and (not bought or word.lead_id in bought):
        return _by_word(word, bound, open_touches, terms_window, reasons)
    if word is not None:
        why = "They bought by it before. A customer has one first sale, and it stays whose it was."
        return _won(bound[0], reasons, f"{_how(bound[0])} {why}", [*bound[1:], *open_touches])
    if bound:
        why = "The business named it." if bound[0].is_named else "Who brought a customer first keeps them."
        if bound[0].has_bought and min(one.at for one in bound) < bound[0].at:
            why = "They bought by it before."
        return _won(bound[0], reasons, f"{_how(bound[0])} {why}", [*bound[1:], *open_touches])
    touch = _choose(open_touches, terms_window, reasons)
    if touch is None:
        return Attribution((), (*reasons, "No link, no code and no lead leads to a referrer."))
    return _won(touch, reasons, _why(touch, open_touches), [one for one in open_touches if one != touch])


def _by_word(
    word: Word, bound: Sequence[Bound], touches: Sequence[Touch], windows: Mapping[str, Window], reasons: list[str]
) -> Attribution:
    if word.referrer_id is None:
        return Attribution((), (*reasons, "The buyer says that nobody told them. Their own answer beats everything."))
    theirs: list[Bound | Touch] = [one for one in bound if one.referrer_id == word.referrer_id
                                   and word.lead_id in {None, one.lead_id}]
    if not theirs:
        chosen = _choose([one for one in touches if one.referrer_id == word.referrer_id], windows, [])
        theirs = [chosen] if chosen else []
    if not theirs:
        return Attribution((), (*reasons, "The buyer named somebody who has no lead, link or code for this business."))
    why = "The buyer said who told them. Their own answer beats everything."
    known: list[Bound | Touch] = [*bound, *touches]
    return _won(theirs[0], reasons, why, [one for one in known if one not in theirs])


def _in_time(
    touches: Sequence[Touch], windows: Mapping[str, Window], at: datetime, reasons: list[str]
) -> list[Touch]:
    """A code is said with the sale, while it runs; a click counts for its days, and never for what was before it."""
    kept = []
    for touch in touches:
        days = windows.get(touch.bounty_id, USUAL).days
        if touch.is_over:
            reasons.append(f"Not counted: {_how(touch)[:-1]}, but it had been ended by then.")
        elif touch.at > at:
            reasons.append(f"Not counted: {_how(touch)[:-1]}, after it happened.")
        elif touch.kind is TouchKind.CLICK and at - touch.at > timedelta(days=days):
            reasons.append(f"Not counted: {_how(touch)[:-1]}; these terms count {days} days.")
        else:
            kept.append(touch)
    return kept


def _choose(touches: Sequence[Touch], windows: Mapping[str, Window], reasons: list[str]) -> Touch | None:
    """A code beats a link. Of one bounty's clicks the first or the last; of several bounties' the last."""
    codes = [one for one in touches if one.kind is TouchKind.CODE]
    chosen: dict[str, Touch] = {}
    for touch in sorted(codes or touches, key=_when):
        is_first = windows.get(touch.bounty_id, USUAL).pick is Pick.FIRST
        if not (is_first and touch.bounty_id in chosen):
            chosen[touch.bounty_id] = touch
    return max(chosen.values(), key=_when, default=None)


def _won(winner: Bound | Touch, reasons: list[str], why: str, others: Sequence[Bound | Touch]) -> Attribution:
    said = [why, *reasons, *(f"Not counted: {_how(other)}" for other in others)]
    if isinstance(winner, Touch):
        return Attribution((Share(winner.referrer_id, BASIS),), tuple(said), touch=winner)
    own = BASIS - sum(bps for _, bps in winner.parts)
    shares = [Share(winner.referrer_id, own)] if own else []
    shares += [Share(user_id, bps) for user_id, bps in sorted(winner.parts)]
    if winner.parts:
        said.insert(1, "Everybody agreed to share it, so it is divided as they said.")
    return Attribution(tuple(shares), tuple(said), bound=winner)


def _why(touch: Touch, touches: Sequence[Touch]) -> str:
    said = _how(touch)
    if touch.kind is TouchKind.CODE:
        return said + (" A code beats a link." if len(touches) > 1 else "")
    if len(touches) == 1:
        return said
    return f"{said} Of several clicks the {'first' if touch == min(touches, key=_when) else 'last'} counts."


def _how(one: Bound | Touch) -> str:
    if isinstance(one, Bound):
        return f"{one.name}, since {day_in_words(one.at)}."
    if one.kind is TouchKind.CODE:
        return f"The code {one.name} was said on {day_in_words(one.at)}."
    return f"A click on the link {one.name} on {day_in_words(one.at)}."


def _when(touch: Touch) -> tuple[datetime, str, str, str, str]:
    return touch.at, touch.link_id, touch.kind, touch.name, touch.bounty_id
