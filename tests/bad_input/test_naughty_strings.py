"""Every form and every body of a program meets naughty strings in each of its fields: a few for each here, all in `make bench`."""
import pytest

from marketplace.foundation.fields import CleanText
from tests import test_who_sees_what as who
from tests.bad_input import naughty
from tests.bad_input.doors import House, find_api_doors, find_doors, status_of, unhurried
from tests.bad_input.world import FullWorld, kept_world

EACH = 1  # Bodies of either kind for a door; which strings, differs from door to door.

# Forms that take nothing, whoever sends it.
NOT_TAKEN = {
    "POST /admin/reconciliation/items/<item_id>/adoption",  # no transfer here is unknown
    "POST /buyer/<token>/share", "POST /buyer/<token>/thing",  # the link that is passed on proves nothing
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
    if not any(isinstance(shape, CleanText) for shape in door.shapes.values()):
        return None
    if not door.answered:
        door.answered = status_of(house.send(door, door.good))
        house.bring_back()
    return (door.answered, door.good) if door.answered >= 400 else None


@pytest.mark.database("postgresql")
def test_what_postgresql_does_not_keep_is_refused_before_it(app, keep, settings_env):
    with unhurried(app):
        house = House(app, FullWorld(**vars(who.kept_world(keep, settings_env))))
        doors = find_api_doors(house)  # A form's bytes come as text, and its fields are those of the API.
        assert len(doors) > 20
        campaign = naughty.attack(house, doors, naughty.OF_DATABASES, each=3, only_taken=True)
        house.close()
    assert campaign.told() == ""
    assert campaign.pairs > 60
