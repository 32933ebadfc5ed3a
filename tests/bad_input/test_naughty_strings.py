"""Every form and every body of a program meets naughty strings in each of its fields: a few for each here, all in `make bench`."""
import pytest

from marketplace.foundation.fields import CleanText
from tests.bad_input import naughty
from tests.bad_input.doors import House, find_doors, unhurried
from tests.bad_input.world import kept_world

EACH = 1  # Bodies of either kind for a door; which strings, differs from door to door.

# Forms that take nothing in this world as it stands: what they would need is tried in their own tests.
NOT_TAKEN = {
    "POST /admin/chargebacks/<chargeback_id>/rewards/<reward_id>/voiding",  # thirty days after the bank's word
    "POST /admin/disputes/<dispute_id>/ruling",  # once it was taken to an admin
    "POST /admin/fraud/<case_id>/confirmation",  # let go already
    "POST /admin/fraud/<case_id>/keep", "POST /admin/fraud/<case_id>/release",
    "POST /admin/receivables/<reversal_id>",  # nothing is there to write it off from
    "POST /admin/transfers/<transfer_id>",  # asked for already
    "POST /admin/unmatched/<funding_id>/assignment", "POST /admin/unmatched/<funding_id>/refund",  # it matched
    "POST /buyer/<token>/share", "POST /buyer/<token>/thing",  # the link that is passed on proves nothing
    "POST /leads/<lead_id>/disputes/new", "POST /api/v1/leads/<lead_id>/disputes",  # one is open already
    "POST /leads/<lead_id>/explanation",  # nothing of it waits for a look
    "POST /leads/<lead_id>/second-share",  # nobody else pointed at them
}


@pytest.mark.once  # What reaches a table is checked before it; `make bench` does all of it.
def test_no_form_and_no_api_breaks_loses_or_half_writes_anything(app, keep, settings_env):
    with unhurried(app):
        house = House(app, kept_world(keep, settings_env))
        doors = [door for door in find_doors(house) if door.shapes]
        assert len(doors) > 90 and sum(len(door.shapes) for door in doors) > 350
        refused = {door.route: answer for door in doors if (answer := _refusal_of(house, door))}
        campaign = naughty.attack(house, doors, naughty.strings(), each=EACH)
        house.close()
    assert campaign.told() == ""
    # Else only its refusals would be tried. A new form needs its line in world.py: a good body, a row to act on.
    assert "\n".join(f"{route} {why}" for route, why in refused.items() if route not in NOT_TAKEN) == ""
    assert set(refused) >= NOT_TAKEN


def _refusal_of(house, door):
    """Of a form that keeps words and does not take a good body."""
    answer = house.send(door, door.good)
    house.bring_back()
    keeps_words = any(isinstance(shape, CleanText) for shape in door.shapes.values())
    return (answer.status_code, door.good) if keeps_words and answer.status_code >= 400 else None
