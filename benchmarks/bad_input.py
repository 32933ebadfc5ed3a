"""Bad input at full length: naughty strings in every field, hostile addresses, script payloads, formulas, bombs.

Two processes share the fields of all forms and bodies; the rest comes after them. Everything stays on loopback.
"""
import contextlib
import logging
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from benchmarks.figures import Figure
from benchmarks.product import product
from marketplace.foundation import clock, fetch, outbox
from marketplace.foundation.db import db
from marketplace.identity.models import Business
from marketplace.jobs import JOBS
from scripts.browser import FLAGS, find_browser, why_no_browser
from scripts.processes import free_port
from tests import factories as make
from tests.bad_input import cells, naughty
from tests.bad_input.bombs import BOMBS, set_off
from tests.bad_input.doors import House, find_doors, unhurried
from tests.bad_input.hostile_urls import Net, as_redirect, cast_net, hostile_urls
from tests.bad_input.in_chromium import open_every_page
from tests.bad_input.payloads import payloads, write_everywhere
from tests.bad_input.sheets import addresses_of_sheets, formulas, live_cells, sheets_at
from tests.bad_input.world import make_full_world
from tests.browsing import Browser
from tests.moving_clock import MovingClock

PROCESSES = 2


def measure() -> list[Figure]:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        shares = pool.map(_attack_share, range(PROCESSES))
    fields, pairs, accepted = (sum(share[place] for share in shares) for place in (0, 1, 2))
    faults = [fault for share in shares for fault in share[3]]
    for fault in faults:
        print(fault)
    strings = naughty.strings()
    return [
        Figure("bad input: forms that broke, lost or half wrote something", len(faults), "faults", 0, "lower",
               f"{fields} fields of {shares[0][4]} forms and bodies x {len(strings)} strings: {pairs} pairs, "
               f"{accepted} bodies taken"),
        *_files(), *_addresses(), *_pages(), *_bombs(),
    ]


@contextlib.contextmanager
def _house() -> Iterator[House]:
    """The product with the tests' world in it, on a clock that goes when it is looked at."""
    with product() as app:
        app.test_client_class = Browser
        clock.use(MovingClock())
        mails = Path(app.extensions["settings"].mail_dir)
        try:
            with unhurried(app):
                house = House(app, make_full_world(mails))
                yield house
                house.close()
        finally:
            clock.use(clock.system_time)


def _attack_share(share: int) -> tuple[int, int, int, list[str], int]:
    """Every other door: how many fields, pairs and bodies taken; the faults; and how many doors there are in all."""
    logging.disable(logging.INFO)
    with _house() as house:
        doors = [door for door in find_doors(house) if door.shapes]
        mine = doors[share::PROCESSES]
        campaign = naughty.attack(house, mine, naughty.strings())
    fields = sum(len(door.shapes) for door in mine)
    return fields, campaign.pairs, campaign.accepted, campaign.told().splitlines(), len(doors)


# ---- cells of files


def _files() -> list[Figure]:
    chosen = cells.words()
    with _house() as house:
        business = db.session.get_one(Business, house.world.names["business_id"])
        faults = list(cells.take_files(business, house.clients["member"], _work, chosen))
    for fault in faults:
        print(*fault)
    return [Figure("bad input: files that broke or lost a row", len(faults), "faults", 0, "lower",
                   f"{len(cells.FILLED)} files, each of {len(chosen)} rows with a naughty string in their cells")]


def _work() -> int:
    done = 0
    while outbox.run_next(JOBS):
        done += 1
    db.session.rollback()
    return done


# ---- addresses


def _addresses() -> list[Figure]:
    urls = hostile_urls()
    with _house() as house, cast_net() as net:
        for url in urls:
            for address in (url, as_redirect(net, url)):
                net.ask_anew()
                with contextlib.suppress(fetch.FetchFailed):
                    fetch.fetch(address)
        _point_at_all(house, net, urls)
        return [Figure("bad input: dials to non-public addresses", len(net.inward), "dials", 0, "lower",
                       f"{len(urls)} hostile addresses, straight, after a redirect and by the form and its job; "
                       f"{len(net.dialled)} dials to the public web of the test")]


def _point_at_all(house: House, net: Net, urls: list[str]) -> None:
    bounty = make.make_bounty(is_live=True)
    said = {"quote": "I am looking for a car", "acquaintance": "friend", "how_known": "An old friend"}
    for url in urls:
        net.ask_anew()
        answer = house.clients["referrer"].post(f"/bounties/{bounty.id}/point", data={**said, "url": url})
        assert answer.status_code in {302, 409, 422}, (url, answer.status)
        while outbox.run_next(JOBS):
            pass


# ---- what pages and sheets show


def _pages() -> list[Figure]:
    with _house() as house:
        sheets, kinds = addresses_of_sheets(house), formulas()
        live = [cell for formula in kinds for cell in _live_with(house, sheets, formula)]
        write_everywhere("\n".join(payloads()))
        browser = _in_chromium(house)
    return [
        Figure("bad input: live cells in sheets", len(live), "cells", 0, "lower",
               f"{len(kinds)} kinds of formula in {len(sheets)} sheets"),
        *browser,
    ]


def _live_with(house: House, sheets: list[tuple[str, str]], formula: str) -> list[str]:
    write_everywhere(formula)
    return [cell for address, reader in sheets for sheet in sheets_at(house, address, reader)
            for cell in live_cells(sheet)]


def _in_chromium(house: House) -> list[Figure]:
    if reason := why_no_browser():
        print(f"no script payloads: {reason}")
        return []
    with _served(house.app) as site, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        seen = open_every_page(house, chromium, site)
        chromium.close()
    for told in (*seen.ran, *seen.reported, *seen.complaints):
        print(told)
    note = f"{len(payloads())} script payloads in every text, {len(seen.pages)} pages in Chromium"
    return [
        Figure("bad input: script payloads that ran", len(seen.ran), "payloads", 0, "lower", note),
        Figure("bad input: reports of the policy, and complaints of the browser",
               len(seen.reported) + len(seen.complaints), "reports", 0, "lower", note),
    ]


@contextlib.contextmanager
def _served(app: Flask) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server: Any = make_server("127.0.0.1", free_port(), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# ---- bombs


def _bombs() -> list[Figure]:
    blasts = [set_off(name) for name in BOMBS]
    for blast in blasts:
        if not blast.is_held:
            print(blast)
    slowest, widest = max(blasts, key=lambda blast: blast.cpu), max(blasts, key=lambda blast: blast.mib)
    return [Figure("bad input: bombs that broke a cap", sum(not blast.is_held for blast in blasts), "bombs", 0, "lower",
                   f"{len(blasts)}, each in a process of its own; most CPU {slowest.cpu} s ({slowest.name}), "
                   f"most memory {widest.mib} MiB ({widest.name})")]
