"""Where referrers can be paid, and on which terms: one table.

Countries, regions and agreements: docs.stripe.com/global, docs.stripe.com/connect/cross-border-payouts and
docs.stripe.com/connect/service-agreement-types; least payouts: docs.stripe.com/connect/cross-border-payouts/
special-requirements; whole-unit payouts: docs.stripe.com/currencies#special-cases. A platform may be allowed fewer
countries: Stripe then refuses the account, and its words are shown.
"""
from dataclasses import dataclass

from marketplace.foundation.money import CURRENCIES, Money

# Between these a platform pays out under the ordinary agreement, whatever the currency.
SELF_SERVE = frozenset({"US", "GB", "EEA", "CA", "CH"})
# Stripe turns transfers into the account's own currency on arrival; dinars it settles in Kuwait alone.
NOT_CONVERTED = frozenset({"kwd"})


@dataclass(frozen=True)
class Country:
    """``currency`` is the account's own, ``region`` decides the agreement; ``least_payout`` is in main units."""

    name: str
    currency: str
    region: str
    least_payout: int = 1

    def takes(self, currency: str) -> bool:
        """Whether a transfer in ``currency`` can arrive here."""
        return currency == self.currency or (currency in CURRENCIES and currency not in NOT_CONVERTED)


COUNTRIES = {
    "AT": Country("Austria", "eur", "EEA"), "AU": Country("Australia", "aud", "AU", least_payout=0),
    "BE": Country("Belgium", "eur", "EEA"), "BG": Country("Bulgaria", "eur", "EEA"),
    "CA": Country("Canada", "cad", "CA", least_payout=0), "CH": Country("Switzerland", "chf", "CH"),
    "CY": Country("Cyprus", "eur", "EEA"), "CZ": Country("Czechia", "czk", "EEA"),
    "DE": Country("Germany", "eur", "EEA"), "DK": Country("Denmark", "dkk", "EEA"),
    "EE": Country("Estonia", "eur", "EEA"), "ES": Country("Spain", "eur", "EEA"),
    "FI": Country("Finland", "eur", "EEA"), "FR": Country("France", "eur", "EEA"),
    "GB": Country("United Kingdom", "gbp", "GB"), "GR": Country("Greece", "eur", "EEA"),
    "HR": Country("Croatia", "eur", "EEA"), "HU": Country("Hungary", "huf", "EEA"),
    "IE": Country("Ireland", "eur", "EEA"), "IS": Country("Iceland", "isk", "EEA"),
    "IT": Country("Italy", "eur", "EEA"), "JP": Country("Japan", "jpy", "JP"),
    "KW": Country("Kuwait", "kwd", "KW"), "LT": Country("Lithuania", "eur", "EEA"),
    "LU": Country("Luxembourg", "eur", "EEA"), "LV": Country("Latvia", "eur", "EEA"),
    "MT": Country("Malta", "eur", "EEA"), "NL": Country("Netherlands", "eur", "EEA"),
    "NO": Country("Norway", "nok", "EEA"), "NZ": Country("New Zealand", "nzd", "NZ"),
    "PL": Country("Poland", "pln", "EEA"), "PT": Country("Portugal", "eur", "EEA"),
    "RO": Country("Romania", "ron", "EEA"), "SE": Country("Sweden", "sek", "EEA"),
    "SG": Country("Singapore", "sgd", "SG"), "SI": Country("Slovenia", "eur", "EEA"),
    "SK": Country("Slovakia", "eur", "EEA"), "TW": Country("Taiwan", "twd", "TW", least_payout=800),
    "US": Country("United States", "usd", "US"),
}
BY_NAME = sorted(((code, country.name) for code, country in COUNTRIES.items()), key=lambda pair: pair[1])


def needs_recipient_agreement(country: str, *, platform: str) -> bool:
    """Whether an account there is made under Stripe's ``recipient`` agreement: it takes our transfers and no more.

    Between the regions of SELF_SERVE, and at home, the ordinary one serves. ``platform`` is our own country.
    """
    there = COUNTRIES[country].region
    here = COUNTRIES[platform].region if platform in COUNTRIES else platform
    return here != there and not SELF_SERVE.issuperset({here, there})


def least_payout(country: str) -> Money:
    """The least that Stripe pays out to a bank there; less waits in the person's account at Stripe."""
    found = COUNTRIES[country]
    digits = CURRENCIES[found.currency].digits if found.currency in CURRENCIES else 2
    return Money(found.least_payout * 10 ** digits, found.currency)
