"""Script payloads in every text that is kept, every page opened in Chromium: nothing runs, nothing is reported.

One payload of each kind here; all three hundred in `make bench`.
"""
from flask import Flask
from playwright.sync_api import Browser as Chromium

from tests.bad_input.doors import House, unhurried
from tests.bad_input.in_chromium import open_every_page
from tests.bad_input.payloads import payloads, write_everywhere
from tests.bad_input.world import kept_world
from tests.kept import Keep

ONE_IN = 13


def test_no_script_in_any_kept_text_runs_on_any_page(
    app: Flask, keep: Keep, site: str, chromium: Chromium, settings_env: dict[str, str],
) -> None:
    world = kept_world(keep, settings_env)
    with unhurried(app):
        house = House(app, world)
        assert write_everywhere("\n".join(payloads()[1::ONE_IN])) > 40
        seen = open_every_page(house, chromium, site)
        house.close()
    assert (seen.ran, seen.reported, seen.complaints) == ([], [], [])
    assert len(payloads()) >= 300 and len(seen.pages) > 60
