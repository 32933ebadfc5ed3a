"""What depends on the country and the currency: agreements, conversion, steps of an amount."""
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import World

EEA = frozenset({
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "is", "it", "li", "lt",
    "lu", "lv", "mt", "nl", "no", "pl", "pt", "ro", "se", "si", "sk"})
# Among these a platform may transfer under the full agreement; anywhere else under the recipient agreement alone.
SELF_SERVE = frozenset({"us", "gb", "ca", "ch", "eea"})
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
WHOLE_UNIT_PAYOUTS = frozenset({"huf", "isk", "twd", "ugx"})
SETTLED_AT_HOME_ONLY = {"kwd": "kw"}


def region_of(country: str) -> str:
    return "eea" if country in EEA else country


def refuse_place(world: World, account: Body, currency: str) -> None:
    """A transfer that the account's country, agreement or currency does not allow."""
    country = account["_country"].lower()
    here, there = region_of(world.country), region_of(country)
    if here != there and not {here, there} <= SELF_SERVE and account.get("_agreement") != "recipient":
        raise Refusal("Funds can't be sent to accounts located in this country under the full service agreement.",
                      code="transfers_not_allowed", param="destination")
    if SETTLED_AT_HOME_ONLY.get(currency, country) != country:
        raise Refusal(f"Transfers in {currency} can't be converted for accounts located in this country.",
                      code="transfers_not_allowed", param="currency")


def refuse_odd(amount: int, currency: str) -> None:
    if currency in THREE_DECIMALS and amount % 10:
        raise bad_parameter(f"Invalid amount: the last digit of an amount in {currency} must be 0.", "amount",
                            "parameter_invalid_integer")


def whole_payout(minor: int, currency: str) -> int:
    """As much of it as a bank can be paid."""
    step = 100 if currency in WHOLE_UNIT_PAYOUTS else 10 if currency in THREE_DECIMALS else 1
    return minor - minor % step
