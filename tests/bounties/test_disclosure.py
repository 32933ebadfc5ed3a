"""What a referrer says openly to the buyer: true of every kind of reward, whatever the law leaves of it."""
import pytest

from marketplace.bounties.disclosure import DECIDES, disclose
from marketplace.bounties.gate import FREE, Ruling
from marketplace.bounties.models import Allowed, For, Happening, NonCash
from tests.bounties.test_rules import STAGED, percent, terms_of, thing
from tests.factories import flat

pytestmark = pytest.mark.once
QUALIFIED, _, LATER, RENEWAL = Happening
THANKS, NOTHING = Ruling(Allowed.THANK_YOU), Ruling(Allowed.NOTHING)
FAVOUR = thing(kind=NonCash.FAVOUR, words="A ride to the airport")


@pytest.mark.parametrize(("rules", "said"), [
    ([flat(100_000)], "I may get $1,000 from Westside Auto through Fingerpost if you buy."),
    ([percent(250, 50_000)], "I may get 2.5% of the sale, at most $500, from Westside Auto through Fingerpost if you buy."),
    ([flat(20_000, happening=QUALIFIED)],
     "I may get $200 from Westside Auto through Fingerpost once you have talked and it could fit."),
    ([flat(2_000, happening=RENEWAL, times=3)],
     "I may get $20 from Westside Auto through Fingerpost each time you renew, up to 3 times."),
    ([flat(100_000), flat(20_000, happening=QUALIFIED)], (
        "From Westside Auto I may get, through Fingerpost: $200 once you have talked and it could fit; $1,000 if you buy.")),
    (STAGED, ("I may get up to $1,360 in 6 parts from Westside Auto through Fingerpost, "
              "the first once you have talked and it could fit.")),
    ([flat(5_000), thing(kind=NonCash.CREDIT, words="A free service")],
     "I may get $50 and a credit (A free service) from Westside Auto through Fingerpost if you buy."),
    ([FAVOUR], "I may get a favour in return (A ride to the airport) from Westside Auto through Fingerpost if you buy."),
    ([thing()], ("I get no money for this: Westside Auto may give me, through Fingerpost, a thank-you (Dinner for two) "
                 "if you buy.")),
    ([flat(5_000, whom=For.BUYER)], "I get nothing for this, neither from Westside Auto nor from Fingerpost."),
])
def test_it_says_what_from_whom_and_when(rules, said):
    assert disclose(terms_of(*rules), FREE, "Westside Auto") == f"{said} {DECIDES}"


@pytest.mark.parametrize(("rules", "ruling", "said"), [
    ([flat(100_000)], THANKS, "I am not paid for this: Westside Auto may only thank me, through Fingerpost, if you buy."),
    ([FAVOUR], THANKS, "I am not paid for this: Westside Auto may only thank me, through Fingerpost, if you buy."),
    ([flat(100_000), thing("A song")], THANKS,
     "I get no money for this: Westside Auto may give me, through Fingerpost, a thank-you (A song) if you buy."),
    ([flat(100_000), thing("A song")], NOTHING, "I get nothing for this, neither from Westside Auto nor from Fingerpost."),
])
def test_what_the_law_forbids_is_not_said_to_be_got(rules, ruling, said):
    assert disclose(terms_of(*rules), ruling, "Westside Auto") == f"{said} {DECIDES}"


def test_a_cap_below_what_the_parts_add_up_to_is_said():
    terms = terms_of(flat(20_000, happening=QUALIFIED), flat(100_000), cap_per_referrer_minor=90_000)
    assert "; never more than $900 in all." in disclose(terms, FREE, "Westside Auto")
