"""Lists come in pages: every row once, in order, whatever the size and whatever is made meanwhile."""
from marketplace.foundation.money import Money
from tests import factories as make
from tests.api.program import LEAD


def walk(program, path: str, **query):
    sizes, seen, cursor = [], [], None
    while True:
        page = program.get(path, **query, **({"cursor": cursor} if cursor else {})).json
        sizes.append(len(page["data"]))
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return sizes, seen


def test_leads_newest_first(ana, program):
    bounty = make.make_bounty(is_live=True, funded_for=9)
    hers = program(ana)
    made = [hers.must("/leads", {**LEAD, "bounty_id": bounty.id, "text": f"{LEAD['text']} Number {n}."})["id"] for n in range(7)]
    make.make_lead(bounty)  # Somebody else's.
    assert walk(hers, "/leads", limit=3) == ([3, 3, 1], made[::-1])
    assert walk(hers, "/leads", limit=7) == ([7], made[::-1])
    assert walk(hers, "/leads", limit=2, moderation="submitted")[1] == made[::-1]
    assert walk(hers, "/leads", moderation="accepted") == ([0], [])


def test_a_lead_made_meanwhile_moves_nothing(ana, program):
    bounty = make.make_bounty(is_live=True, funded_for=9)
    hers = program(ana)

    def point(n: int) -> str:
        return str(hers.must("/leads", {**LEAD, "bounty_id": bounty.id, "text": f"{LEAD['text']} Number {n}."})["id"])
    made = [point(n) for n in range(4)]
    first = hers.get("/leads", limit=2).json
    point(5)
    second = hers.get("/leads", limit=2, cursor=first["next_cursor"]).json
    assert [row["id"] for row in first["data"] + second["data"]] == made[::-1]


def test_the_board_newest_and_highest_first(ana, program, westside):
    made = [make.make_bounty(westside, is_live=True, funded_for=1, rules=[make.flat((n % 3 + 1) * 10_000)]).id for n in range(23)]
    hers = program(ana)
    assert walk(hers, "/bounties") == ([20, 3], made[::-1])
    sizes, seen = walk(hers, "/bounties", sort="highest")
    assert sizes == [20, 3] and sorted(seen) == sorted(made)
    rank = {bounty_id: n % 3 for n, bounty_id in enumerate(made)}
    assert [rank[bounty_id] for bounty_id in seen] == sorted(rank.values(), reverse=True)


def test_rewards_newest_first(ana, program, westside):
    bounty = make.make_bounty(westside, is_live=True, funded_for=5)
    for n in range(3):
        make.win(make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"d{n}@example.com"), amount=Money(100_000 + n, "usd"))
    sizes, seen = walk(program(ana), "/rewards", limit=2)
    assert sizes == [2, 1] and seen == sorted(seen, reverse=True) and len(set(seen)) == 3
    assert walk(program(make.owner_of(westside)), "/rewards", limit=1)[1] == seen
