"""Whatever people, clocks, banks and Stripe do, in whichever order: no cent is lost, made, or sent twice."""
import os
from collections import Counter
from collections.abc import Iterator

import hypothesis
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.database import WayBack
from tests.moving_clock import MovingClock
from tests.properties.market import Market
from tests.properties.money_machine import MoneyMachine
from tests.sandbox_server import SandboxServer

FACTOR = int(os.environ.get("FINGERPOST_LENGTH", "1"))
USUAL_SEED = 2026  # `make test` lives the same lives each time, so that a red run is a change's fault; `make proof` lives new ones.
STEPS_NEEDED = 2_000 * FACTOR
STEPS_A_LIFE = 240  # To begin one and to bring it to its end takes as long as sixty steps.
STEPS_TO_A_BUG = 120


@pytest.fixture
def market(
    app: Flask, stripe_sandbox: SandboxServer, clock: MovingClock, _emptying: WayBack
) -> Iterator[Market]:
    market = Market(app, stripe_sandbox, clock, _emptying)
    with market.quick_gateway():
        yield market


def live(
    market: Market, *, lives: int, seed: int, steps: int = STEPS_TO_A_BUG, counted: Counter[str] | None = None
) -> Counter[str]:
    machine = type("Lives", (MoneyMachine,), {"market": market, "counted": Counter() if counted is None else counted})
    hypothesis.seed(seed)(machine)
    # Making a fault's life shorter takes minutes: asked for by hand.
    phases = (Phase.generate, Phase.shrink) if "FINGERPOST_SHRINK" in os.environ else (Phase.generate,)
    run_state_machine_as_test(machine, settings=settings(
        max_examples=lives, stateful_step_count=steps, deadline=None, database=None, print_blob=True, phases=phases,
        suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal, report_multiple_bugs=False))
    return machine.counted


def test_no_cent_is_lost_made_or_sent_twice(market: Market, record_property) -> None:
    seed = int(os.environ.get("FINGERPOST_SEED") or USUAL_SEED)
    print(f"seed {seed} (FINGERPOST_SEED={seed} repeats it)")
    counted: Counter[str] = Counter()
    while counted["steps"] < STEPS_NEEDED:  # Some lives end early.
        live(market, lives=-(-(STEPS_NEEDED - counted["steps"]) // STEPS_A_LIFE), seed=seed + counted["lives"],
             steps=STEPS_A_LIFE, counted=counted)
    for name, count in sorted(counted.items()):
        print(f"{count:7} {name}")
    for name in ("steps", "lives", "jobs", "webhooks", "faults"):
        record_property(name, counted[name])
    record_property("seed", seed)
    assert counted["end: transfers sent"] and counted["end: transfer_reversals done"], "no life came to its end"
