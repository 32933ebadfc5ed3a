"""What the document promises holds for calls that nobody would think of. At length: `make bench`."""
from pathlib import Path

import pytest

from tests import test_who_sees_what as who
from tests.api.attacks import attack
from tests.bad_input.doors import unhurried

pytestmark = pytest.mark.once


def test_no_call_of_the_document_breaks_what_it_says(app, keep, settings_env):
    world = keep("who sees what", lambda: who._make_world(Path(settings_env["MAIL_DIR"])))
    with unhurried(app):
        campaign = attack(app, world, examples=1, of=3)
    assert campaign.faults == [] and campaign.calls == campaign.operations > 25
