"""One reward rule in plain words."""
from marketplace.bounties.models import For, Happening, NonCash, RewardKind, RewardRule
from marketplace.foundation.money import Money, show_money

THINGS = {NonCash.CREDIT: "a credit", NonCash.THANK_YOU: "a thank-you", NonCash.FAVOUR: "a favour owed"}
WHOM = {For.REFERRER: "the referrer", For.BUYER: "the buyer"}


def percent_text(basis_points: int) -> str:
    """250 as ``2.5%``."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


def when_in_words(rule: RewardRule) -> str:
    """``when they buy``, ``90 days after the sale``, ``at each of the first 3 renewals``."""
    if rule.happening is Happening.QUALIFIED:
        return "when they are qualified"
    if rule.happening is Happening.WON:
        return "when they buy"
    if rule.happening is Happening.LATER:
        return f"{_counted(rule.after_days or 0, 'day')} after the sale"
    months = f"in the first {_counted(rule.within_months, 'month')}" if rule.within_months else ""
    if rule.times:
        first = "the first renewal" if rule.times == 1 else f"each of the first {rule.times} renewals"
        return f"at {first} {months}".rstrip()
    return f"at each renewal {months}, one a month at most"


def when_to_buyer(rule: RewardRule) -> str:
    """The same, said to the buyer: ``if you buy``, ``90 days after you buy``."""
    return {
        Happening.QUALIFIED: "once you have talked and it could fit", Happening.WON: "if you buy",
        Happening.LATER: f"{_counted(rule.after_days or 0, 'day')} after you buy", Happening.RENEWAL: "when you renew",
    }[rule.happening]


def what_in_words(rule: RewardRule, currency: str) -> str:
    """``$1,000``, ``2.5% of the sale, at least $50 and at most $500``, ``a thank-you (a bottle of wine)``."""
    if rule.kind is RewardKind.FLAT:
        return show_money(Money(rule.amount_minor or 0, currency))
    if rule.thing:
        return f"{THINGS[rule.thing]} ({rule.words})"
    return f"{percent_text(rule.rate_bps or 0)} of the {what_is_sold(rule)}, {limits_in_words(rule, currency)}"


def first_line(rule: RewardRule) -> str:
    """How its arithmetic begins: ``2.5% of the sale, rounded down``."""
    whom = " for the buyer" if rule.whom is For.BUYER else ""
    if rule.thing:
        return f"{THINGS[rule.thing].capitalize()} for {WHOM[rule.whom]}: {rule.words}"
    if rule.kind is RewardKind.PERCENT:
        return f"{percent_text(rule.rate_bps or 0)} of the {what_is_sold(rule)}{whom}, rounded down"
    fixed = f"A fixed share{whom}" if whom else "A fixed reward"
    return fixed + {
        Happening.QUALIFIED: " when they are qualified", Happening.WON: ", whatever the sale",
        Happening.LATER: f" {_counted(rule.after_days or 0, 'day')} after the sale",
        Happening.RENEWAL: " for a renewal",
    }[rule.happening]


def rule_in_words(rule: RewardRule, currency: str) -> str:
    """``$200 when they are qualified``, ``2% of the sale, at most $500, for the buyer when they buy``."""
    comma = "," if rule.kind is RewardKind.PERCENT else ""
    whom = f"{comma} for the buyer{comma}" if rule.whom is For.BUYER else comma
    return f"{what_in_words(rule, currency)}{whom} {when_in_words(rule)}"


def what_is_sold(rule: RewardRule) -> str:
    """What a percentage is of."""
    return "renewal" if rule.happening is Happening.RENEWAL else "sale"


def limits_in_words(rule: RewardRule, currency: str) -> str:
    """``at least $50 and at most $500`` of a percentage."""
    least = f"at least {show_money(Money(rule.floor_minor, currency))} and " if rule.floor_minor else ""
    return f"{least}at most {show_money(Money(rule.cap_minor or 0, currency))}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
