"""A need, and why there is none, in words for people."""
from decimal import Decimal

from marketplace.foundation.money import show_money
from marketplace.referrals.needs import Need, NoNeed

# (what we found, what to do)
NOTHING = {
    NoNeed.EMPTY: ("There is nothing to read in it.", "Paste the sentences in which they say what they look for."),
    NoNeed.LANGUAGE: ("We read English, German, Spanish and French; this seems to be another language.",
                      "Say in one of them what they look for, and paste that; or look through the board."),
    NoNeed.OFFERED: ("It reads as if they had something to sell or to offer, not as if they looked for it.",
                     "If they look for something as well, paste only the sentence that says so."),
    NoNeed.SETTLED: ("It says that the matter is settled.", "A new need has a new post. Nobody should be asked twice."),
    NoNeed.DENIED: ("It says that they do not want it.", "Then nobody should point at them."),
    NoNeed.UNREAL: ("It reads like a wish for some day or a joke, not like a need of now.",
                    "If they mean it, paste the sentence that says so."),
    NoNeed.NOT_SAID: ("No sentence in it says that they look for something.",
                      "Paste the sentence that made you think of somebody, or look through the board."),
}
NO_BOUNTY = ("No bounty fits that now.",
             "Look through the board: a business may say it in other words. Or paste it again in a week.")


def why_nothing(need: Need) -> tuple[str, str]:
    return NOTHING[need.why_not] if need.why_not else NO_BOUNTY


def say_places(need: Need) -> tuple[str, ...]:
    """Each place once, by its first meaning."""
    return tuple(dict.fromkeys(meant[0].name for meant in need.places))


def say_budget(need: Need) -> str:
    """``up to $24,000``; a plain number where no currency was said."""
    if need.budget is None:
        return ""
    money = need.budget_as(need.budget[1]) if need.budget[1] else None
    return f"up to {show_money(money)}" if money else f"up to {Decimal(need.budget[0]):,}"
