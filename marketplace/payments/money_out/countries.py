"""Where referrers can be paid: countries in which Stripe makes accounts, with their own currency.

From docs.stripe.com/global and docs.stripe.com/connect/cross-border-payouts. Money in another currency than the
account's own is converted by Stripe on arrival. A platform may be allowed fewer of them: Stripe then refuses the
account, and its words are shown.
"""

COUNTRIES = {
    "AT": ("Austria", "eur"), "AU": ("Australia", "aud"), "BE": ("Belgium", "eur"), "BG": ("Bulgaria", "eur"),
    "CA": ("Canada", "cad"), "CH": ("Switzerland", "chf"), "CY": ("Cyprus", "eur"), "CZ": ("Czechia", "czk"),
    "DE": ("Germany", "eur"), "DK": ("Denmark", "dkk"), "EE": ("Estonia", "eur"), "ES": ("Spain", "eur"),
    "FI": ("Finland", "eur"), "FR": ("France", "eur"), "GB": ("United Kingdom", "gbp"), "GR": ("Greece", "eur"),
    "HR": ("Croatia", "eur"), "HU": ("Hungary", "huf"), "IE": ("Ireland", "eur"), "IT": ("Italy", "eur"),
    "JP": ("Japan", "jpy"), "LT": ("Lithuania", "eur"), "LU": ("Luxembourg", "eur"), "LV": ("Latvia", "eur"),
    "MT": ("Malta", "eur"), "NL": ("Netherlands", "eur"), "NO": ("Norway", "nok"), "NZ": ("New Zealand", "nzd"),
    "PL": ("Poland", "pln"), "PT": ("Portugal", "eur"), "RO": ("Romania", "ron"), "SE": ("Sweden", "sek"),
    "SG": ("Singapore", "sgd"), "SI": ("Slovenia", "eur"), "SK": ("Slovakia", "eur"), "US": ("United States", "usd"),
}
BY_NAME = sorted(((code, name) for code, (name, _) in COUNTRIES.items()), key=lambda pair: pair[1])
