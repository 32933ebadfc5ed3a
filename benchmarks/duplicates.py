"""Among a million leads of one business: the exact check and the look for like texts, beside one indexed look-up; what
is found of edited posts, and how many fresh ones are matched falsely.

`FINGERPOST_LEADS=100000 python benchmarks/run.py duplicates` measures a smaller world.
"""
import os
import sys
import time
from collections.abc import Callable
from itertools import cycle

from sqlalchemy import text

from benchmarks.duplicates_world import Writer, make_world, plant, sign
from benchmarks.figures import Figure, take_turns
from benchmarks.product import product
from marketplace.foundation.crypto import derived_key
from marketplace.foundation.db import db
from marketplace.foundation.likeness import sign_text
from marketplace.referrals.duplicates import find_live_twin
from marketplace.referrals.models import Lead
from marketplace.referrals.nearness import look_up_alike

LEADS = int(os.environ.get("FINGERPOST_LEADS", "1000000"))
EDITED, FRESH = 500, 1000
EXACT_BAR, NEAR_BAR, SIGN_BAR = 4, 5, 300
ONE_LOOK_UP = text("SELECT id FROM leads WHERE business_id = :business_id AND post_hash = :mark "
                   "AND moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')")


def measure(server: str | None = None) -> list[Figure]:
    on = "PostgreSQL" if server else "SQLite"
    writer = Writer(seed=11)
    with product(server):
        began = time.monotonic()
        business_id = make_world(LEADS, writer)
        posts = [writer.post() for _ in range(EDITED)]
        ids = plant(posts, business_id, first=LEADS)
        print(f"      {LEADS} leads filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        figures = [*_look_ups(on, business_id, posts, writer), *_found(on, business_id, posts, ids, writer)]
        if server is None:
            figures.append(_signing(writer))
    return figures


def _look_ups(on: str, business_id: str, posts: list[list[str]], writer: Writer) -> list[Figure]:
    with db.engine.connect() as connection:
        marks = cycle(connection.execute(text(
            "SELECT post_hash, buyer_hash FROM leads ORDER BY id LIMIT 2000")).all())
    signatures = cycle([sign(one) for post in posts for one in (writer.scattered(post, 0.1), writer.post())])

    def one() -> None:
        db.session.execute(ONE_LOOK_UP, {"business_id": business_id, "mark": next(marks).post_hash}).first()

    def exact() -> None:
        """The common case: nobody pointed there before."""
        mark = next(marks)
        find_live_twin(Lead(business_id=business_id, post_hash=mark.post_hash[::-1], buyer_hash=mark.buyer_hash[::-1],
                            handle_hash=mark.post_hash[1:]))

    def near() -> None:
        look_up_alike(next(signatures), business_id=business_id)

    least, twin, alike = take_turns(one, exact, near, calls=(40, 20, 20), is_wall=on == "PostgreSQL")
    db.session.remove()
    plain = f"one indexed look-up {least.least:.0f} us (median {least.middle:.0f})"
    return [
        Figure(f"{on}, {LEADS:,} leads: exact duplicate / one look-up", round(twin.least / least.least, 1), "x",
               EXACT_BAR, "lower",
               f"by post, buyer and handle {twin.least:.0f} us (median {twin.middle:.0f}); {plain}"),
        Figure(f"{on}, {LEADS:,} leads: near duplicate / one look-up", round(alike.least / least.least, 1), "x",
               NEAR_BAR, "lower", f"{alike.least:.0f} us (median {alike.middle:.0f}), keys and comparing included")]


def _found(on: str, business_id: str, posts: list[list[str]], ids: list[str], writer: Writer) -> list[Figure]:
    edits: dict[str, Callable[[list[str]], list[str]]] = {
        "10 % scattered": lambda post: writer.scattered(post, 0.1), "5 %": lambda post: writer.scattered(post, 0.05),
        "a replaced fifth": writer.fifth_replaced, "shuffled sentences": writer.shuffled}
    recall = {kind: sum(lead_id in dict(look_up_alike(sign(edit(post)), business_id=business_id))
                        for post, lead_id in zip(posts, ids, strict=True)) / EDITED for kind, edit in edits.items()}
    false = sum(bool(look_up_alike(sign(writer.post()), business_id=business_id)) for _ in range(FRESH)) / FRESH
    db.session.remove()
    scattered, *others = recall
    worst = min(others, key=recall.__getitem__)
    return [
        Figure(f"{on}: near duplicates found, {scattered} edits", recall[scattered], "", 0.97, "higher",
               f"of {EDITED} posts of 150 words, three in ten with a shared line of 45"),
        Figure(f"{on}: near duplicates found, {', '.join(others)}", recall[worst], "", 0.99, "higher",
               ", ".join(f"{kind} {recall[kind]:.3f}" for kind in others)),
        Figure(f"{on}: fresh posts matched falsely", false, "", 0.01, "lower", f"of {FRESH}")]


def _signing(writer: Writer) -> Figure:
    texts = cycle([" ".join(writer.post()) for _ in range(400)])
    secret = derived_key("likeness")
    [took] = take_turns(lambda: sign_text(next(texts), secret=secret), calls=(200,))
    return Figure("signature of a post of 150 words", round(took.least), "us", SIGN_BAR, "lower",
                  f"median {took.middle:.0f}, of CPU")
