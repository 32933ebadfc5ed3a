"""How values look to people: money, times, days, words for states."""
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_timedelta
from babel.lists import format_list
from flask import Flask
from markupsafe import Markup

from marketplace.foundation import clock
from marketplace.foundation.money import show_money

LOCALE = "en_US"
LISTED_AS = "en_GB"  # No comma before the “and”.


def list_in_words(words: Iterable[str]) -> str:
    """``a, b and c``."""
    return format_list(list(words), locale=LISTED_AS)


def show_when(moment: datetime) -> Markup:
    """A <time> that reads well without script (UTC) and that script turns into the reader's own zone."""
    return Markup('<time datetime="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), _exact(moment))


def show_ago(moment: datetime) -> Markup:
    """``3 hours ago`` or ``in 2 days``, with the exact time in the title."""
    words = format_timedelta(moment - clock.now(), add_direction=True, locale=LOCALE)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), _exact(moment), words)


def show_since(moment: datetime) -> Markup:
    """``3 hours``: how long it has been, with the exact time in the title."""
    words = format_timedelta(clock.now() - moment, locale=LOCALE)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), _exact(moment), words)


def _exact(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), "d MMM y, HH:mm", locale=LOCALE) + " UTC"


def day_in_words(day: date | datetime) -> str:
    """``2 Nov 2026``, for sentences and mails."""
    if isinstance(day, datetime):
        day = day.astimezone(UTC).date()
    return _day(day)


@lru_cache(maxsize=1024)  # A batch of conversions says the same few days by the thousand.
def _day(day: date) -> str:
    return str(format_date(day, "d MMM y", locale=LOCALE))


def show_day(day: date | datetime) -> Markup:
    if isinstance(day, datetime):
        day = day.astimezone(UTC).date()
    return Markup('<time datetime="{}">{}</time>').format(day.isoformat(), day_in_words(day))


def show_card_month(expires: str) -> str:
    """``2031-12`` as it stands on a card: ``12/31``."""
    year, _, month = expires.partition("-")
    return f"{month}/{year[-2:]}"


def show_words(state: str) -> str:
    """``needs_info`` as ``Needs info``."""
    return str(state).replace("_", " ").capitalize()


def show_language(tag: str) -> str:
    """``en-GB`` as ``English``; what is no language we know stays as the page said it."""
    try:
        return str(Locale.parse(tag.replace("_", "-").partition("-")[0]).get_language_name(LOCALE) or tag)
    except (ValueError, UnknownLocaleError):
        return tag


def register_filters(app: Flask) -> None:
    app.jinja_env.filters.update(
        money=show_money, when=show_when, ago=show_ago, since=show_since, day=show_day, words=show_words,
        card_month=show_card_month, language=show_language)
