"""What the document promises holds for calls that nobody would think of. At length: `make bench`."""
import pytest

from tests.api.attacks import attack
from tests.bad_input.doors import unhurried

pytestmark = pytest.mark.once


def test_no_call_of_the_document_breaks_what_it_says(app, world):
    with unhurried(app):
        campaign = attack(app, world, examples=1, of=5)
    assert campaign.faults == [] and campaign.calls == campaign.operations > 15
