"""What the files of other programmes call their columns, as their public documents say (docs/bringing.md)."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Programme:
    """``minor``: its amounts are whole cents, where its documents say so."""

    name: str
    label: str
    where: str  # How to get its files.
    minor: bool = False


PROGRAMMES = {one.name: one for one in (
    Programme("partnerstack", "PartnerStack",
              "Partner management, All partners, “Export all records”; rewards from the Rewards page."),
    Programme("rewardful", "Rewardful", "Affiliates, “Export CSV”; commissions from the Commissions page."),
    Programme("firstpromoter", "FirstPromoter", "Promoters, “Export”; commissions from the Commissions page."),
    Programme("tolt", "Tolt", "Partners, “Export”; commissions from the Commissions page.", minor=True),
    Programme("other", "Another programme, or a list of my own", "Any CSV with an e-mail address in each row."),
)}

EMAIL = ("partner email", "affiliate email", "promoter email", "owner email", "email", "e mail", "email address",
         "promoter", "partner", "affiliate")
FIRST_NAME = ("partner first", "affiliate first name", "first name", "first", "firstname", "given name")
LAST_NAME = ("partner last", "affiliate last name", "last name", "last", "lastname", "family name")
NAME = ("partner name", "affiliate name", "promoter name", "full name", "name", "partner")
CODE = ("coupon", "coupon code", "promo code", "promotion code", "token", "link token", "default ref id", "ref id",
        "referral id", "ref token", "partner key", "link value", "value", "slug", "via", "link",
        "referral link", "url", "code")
PAST_ID = ("commission id", "reward id", "reward key", "id", "key", "transaction id")
PAST_DAY = ("created at", "created", "earned on", "created date", "date", "reward date", "sale date", "due at",
            "approved at")
PAST_AMOUNT = ("commission", "commission amount", "reward amount", "reward", "amount", "earnings",
               "promoter earnings amount")
PAST_STATE = ("state", "status", "reward status", "commission status", "payment status", "approved")
