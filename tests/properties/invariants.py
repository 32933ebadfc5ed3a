"""What must hold at every moment, each as a function that yields what breaks it (product.md, "What must hold")."""
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.properties.facts import Facts, Row, read_audit
from tests.properties.model import Model, card_fee

MAY_GO_BELOW = {"clearing", "stripe_fees", "platform_fees", "receivable"}
SENT = {"sent", "partly_reversed", "reversed"}
STRIPE_WAS_AWAY = ("TemporaryFailure", "OutcomeUnknown")


def find_faults(model: Model, facts: Facts, trail: "AuditTrail", now: float) -> list[str]:
    return [
        *accounts_are_as_the_facts_say(model, facts), *nothing_is_below_zero(facts),
        *leads_keep_their_terms(model, facts), *rewards_are_as_promised(model, facts, now),
        *funds_suffice(facts), *stripe_did_what_we_say_once(facts)[0], *nobody_got_more_than_released(model, facts),
        *trail.catch_up(facts), *jobs_fail_only_with_stripe(facts),
    ]


# ---- the ledger, account by account -------------------------------------------------------------------------------

def accounts_are_as_the_facts_say(model: Model, facts: Facts) -> Iterator[str]:
    expected = expected_balances(model, facts)
    for account in sorted(expected.keys() | facts.balances.keys()):
        should, does = expected.get(account, 0), facts.balances.get(account, 0)
        if should != does:
            yield f"account {account}: {does} in the ledger where {should} is right"


def expected_balances(model: Model, facts: Facts) -> dict[tuple[str, str, str], int]:
    """Every account's balance from the model's numbers and the rows' states, with no look at a posting."""
    books: Counter[tuple[str, str, str]] = Counter()

    def move(minor: int, source: tuple[str, str], target: tuple[str, str], currency: str) -> None:
        books[*source, currency] -= minor
        books[*target, currency] += minor

    clearing, fees = ("clearing", "platform"), ("platform_fees", "platform")
    for funding_id, (bounty_id, amount, currency) in model.fundings.items():
        row = facts.fundings[funding_id]
        if row["state"] == "paid":
            move(amount, clearing, ("funds", bounty_id), currency)
        if row["fee_minor"] is not None:
            move(card_fee(amount), ("stripe_fees", "platform"), clearing, currency)
    for refund in facts.refunds.values():
        funds = ("funds", facts.fundings[refund["funding_id"]]["purpose_id"])
        if refund["state"] in {"requested", "sending"}:
            move(refund["amount_minor"], funds, ("refunding", refund["id"]), refund["currency"])
        elif refund["state"] in {"sent", "succeeded"}:
            move(refund["amount_minor"], funds, clearing, refund["currency"])
    for lead in model.leads.values():
        move(reserved_for(facts.leads[lead.id], lead.promise.cost), ("funds", lead.bounty), ("reserved", lead.id),
             lead.promise.currency)
    asked = reversals_by_clawback(facts)
    for reward in facts.rewards.values():
        sale, currency = model.leads[reward["lead_id"]].sale, reward["currency"]
        assert sale is not None
        payable = facts.payables.get(reward["id"])
        keeps, funds = ("held", reward["id"]), ("funds", reward["bounty_id"])
        move(sale.reward + sale.fee, funds, keeps, currency)
        if payable:
            owed = ("payable", reward["id"])
            move(sale.reward, keeps, owed, currency)
            move(sale.fee, keeps, fees, currency)
            if payable["state"] != "owed":
                transfer = facts.transfers[payable["transfer_id"]]
                where = clearing if transfer["state"] in SENT else ("in_transit", transfer["id"])
                move(payable["amount_minor"], owed, where, currency)
        for clawback in facts.clawbacks.values():
            if clawback["reward_id"] != reward["id"]:
                continue
            move(clawback["fee_minor"], fees if payable else keeps, funds, currency)
            parts = asked[clawback["id"]]
            at_once = clawback["amount_minor"] - sum(part["amount_minor"] for part in parts)
            move(at_once, ("payable", reward["id"]) if payable else keeps, funds, currency)
            for part in parts:
                left = part["amount_minor"] - part["netted_minor"]
                if part["state"] == "done":
                    move(left, clearing, funds, currency)
                elif part["failure_code"] is not None and part["state"] in {"outstanding", "sending"}:
                    move(left, ("receivable", part["id"]), ("clawback_due", part["id"]), currency)
    for netting in facts.nettings.values():
        clawback = facts.clawbacks[facts.transfer_reversals[netting["reversal_id"]]["reference"].partition("/")[0]]
        move(netting["amount_minor"], ("payable", netting["payable_id"]),
             ("funds", facts.rewards[clawback["reward_id"]]["bounty_id"]), netting["currency"])
    return {account: minor for account, minor in books.items() if minor}


def reversals_by_clawback(facts: Facts) -> dict[str, list[Row]]:
    """What lay in several transfers has a reversal for each."""
    asked: dict[str, list[Row]] = defaultdict(list)
    for row in facts.transfer_reversals.values():
        asked[row["reference"].partition("/")[0]].append(row)
    return asked


def reserved_for(row: Row, cost: int) -> int:
    is_open = row["moderation"] == "accepted" and row["stage"] not in {"won", "lost", "unqualified"}
    return cost if is_open else 0


def nothing_is_below_zero(facts: Facts) -> Iterator[str]:
    totals: Counter[str] = Counter()
    for (kind, owner, currency), minor in facts.balances.items():
        totals[currency] += minor
        if minor < 0 and kind not in MAY_GO_BELOW:
            yield f"{kind} of {owner} is {minor} {currency}"
    for currency, total in totals.items():
        if total:
            yield f"{currency} adds up to {total}"


def funds_suffice(facts: Facts) -> Iterator[str]:
    """Reserved is never more than what was paid in and not given back."""
    paid, reserved = Counter[str](), Counter[str]()
    for funding in facts.fundings.values():
        if funding["state"] == "paid":
            paid[funding["purpose_id"]] += funding["amount_minor"]
    for refund in facts.refunds.values():
        if refund["state"] != "failed":
            paid[facts.fundings[refund["funding_id"]]["purpose_id"]] -= refund["amount_minor"]
    for (kind, owner, _), minor in facts.balances.items():
        if kind == "reserved":
            reserved[facts.leads[owner]["bounty_id"]] += minor
    for bounty_id, minor in reserved.items():
        if minor > paid[bounty_id]:
            yield f"{minor} reserved of {bounty_id}, which has {paid[bounty_id]}"


# ---- promises ------------------------------------------------------------------------------------------------------

def leads_keep_their_terms(model: Model, facts: Facts) -> Iterator[str]:
    for lead in model.leads.values():
        row, promise = facts.leads[lead.id], lead.promise
        terms = facts.terms[row["terms_id"]]
        rule = facts.reward_rules[row["terms_id"]]
        said = (terms["currency"], rule["amount_minor"], rule["rate_bps"], rule["cap_minor"], terms["hold_days"])
        if row["terms_id"] != lead.terms_id or said != (
                promise.currency, promise.flat, promise.bps, promise.cap, promise.hold_days):
            yield f"{lead.id} was promised {promise} and now has {said}"


def rewards_are_as_promised(model: Model, facts: Facts, now: float) -> Iterator[str]:
    of_conversion: dict[str, list[Row]] = defaultdict(list)
    for reward in facts.rewards.values():
        of_conversion[reward["conversion_id"]].append(reward)
    sold = {lead.id for lead in model.leads.values() if lead.sale}
    if {row["lead_id"] for row in facts.conversions.values()} != sold:
        yield "the sales that count are not the sales that were recorded"
    for conversion in facts.conversions.values():
        sale = model.leads[conversion["lead_id"]].sale
        rewards = of_conversion[conversion["id"]]
        if sale is None or len(rewards) != (1 if sale.reward else 0):
            yield f"{conversion['id']} has {len(rewards)} rewards"
            continue
        if conversion["refunded_minor"] != sale.refunded:
            yield f"{conversion['id']}: {conversion['refunded_minor']} refunded where {sale.refunded} is right"
        for reward in rewards:
            lead = model.leads[conversion["lead_id"]]
            if (reward["beneficiary_id"], reward["amount_minor"], reward["fee_minor"]) != (
                    lead.referrer, sale.reward, sale.fee):
                yield f"{reward['id']}: {reward['amount_minor']} + {reward['fee_minor']}, promised {sale.reward} + {sale.fee}"
            mine = [row for row in facts.clawbacks.values() if row["reward_id"] == reward["id"]]
            taken = sum(row["amount_minor"] for row in mine), sum(row["fee_minor"] for row in mine)
            if taken != sale.taken:
                yield f"{reward['id']}: {taken} clawed back of reward and fee where {sale.taken} is right"
            if reward["id"] in facts.payables and now + 1 < sale.won_at + lead.promise.hold_days * 86_400:
                yield f"{reward['id']} was released before its hold was over"
            if reward["id"] in facts.payables and reward["state"] == "on_hold":
                yield f"{reward['id']} is frozen and was released"


# ---- Stripe --------------------------------------------------------------------------------------------------------

def stripe_did_what_we_say_once(facts: Facts) -> tuple[list[str], int]:
    """Faults, and how much is under way: done at Stripe and not yet known to us."""
    faults: list[str] = []
    under_way = 0
    pairs = (
        ("transfer", "transfer_id", facts.transfers, "stripe_transfer_id", {"sending"}),
        ("transfer_reversal", "reversal_id", facts.transfer_reversals, "stripe_reversal_id", {"sending"}),
        ("refund", "refund_id", facts.refunds, "stripe_refund_id", {"sending"}),
    )
    for kind, label, rows, column, unsure in pairs:
        seen: dict[str, Row] = {}
        for thing in facts.stripe[kind]:
            ours = thing["metadata"].get(label, "")
            row = rows.get(ours)
            if ours in seen:
                faults.append(f"Stripe made two {kind}s of {ours}")
            elif row is None or (row[column] != thing["id"] and row["state"] not in unsure):
                faults.append(f"Stripe made a {kind} of {ours} that we know nothing of ({row and row['state']})")
            elif (row["amount_minor"] - row.get("netted_minor", 0), row["currency"]) != (thing["amount"], thing["currency"]):
                faults.append(f"{kind} of {ours}: {thing['amount']} at Stripe, {row['amount_minor']} here")
            else:
                under_way += row[column] is None
            seen[ours] = thing
        faults += [f"{row['id']} says Stripe has it, and Stripe has not" for row in rows.values()
                   if row[column] is not None and row["id"] not in seen]
    for refund in facts.stripe["refund"]:
        row = facts.refunds.get(refund["metadata"]["refund_id"])
        under_way += bool(row and (refund["status"] == "failed") != (row["state"] == "failed"))
    for session in facts.stripe["checkout.session"]:
        row = facts.fundings.get(session["metadata"]["funding_id"])
        is_paid = session["payment_status"] == "paid"
        if row is None or (row["state"] == "paid" and row["checkout_session_id"] == session["id"] and not is_paid):
            faults.append(f"{session['id']} was not paid, and funded")
        elif is_paid:
            under_way += row["state"] != "paid" or row["fee_minor"] is None
            if session["amount_total"] != row["amount_minor"]:
                faults.append(f"{row['id']}: {session['amount_total']} paid, {row['amount_minor']} asked for")
    if not under_way and not faults:
        ours = {currency: -minor for (kind, _, currency), minor in facts.balances.items() if kind == "clearing"}
        if ours != facts.platform:
            faults.append(f"Stripe has {facts.platform}, the ledger says {ours}")
    return faults, under_way


def nobody_got_more_than_released(model: Model, facts: Facts) -> Iterator[str]:
    got: Counter[tuple[str, str]] = Counter()
    may: Counter[tuple[str, str]] = Counter()
    accounts = {row["stripe_account_id"]: row["user_id"] for row in facts.connected_accounts.values()}
    for transfer in facts.stripe["transfer"]:
        got[accounts.get(transfer["destination"], "?"), transfer["currency"]] += transfer["amount"] - transfer["amount_reversed"]
    asked = reversals_by_clawback(facts)
    for payable in facts.payables.values():
        reward = facts.rewards[payable["id"]]
        sale = model.leads[reward["lead_id"]].sale
        assert sale is not None
        may[payable["payee_id"], payable["currency"]] += sale.reward
    for clawback in facts.clawbacks.values():
        reward = facts.rewards[clawback["reward_id"]]
        if reward["id"] in facts.payables:
            open_parts = sum(part["amount_minor"] - part["netted_minor"] for part in asked[clawback["id"]]
                             if part["state"] not in {"done", "netted"})
            may[reward["beneficiary_id"], reward["currency"]] -= clawback["amount_minor"] - open_parts
    for who, minor in got.items():
        if minor > may[who]:
            yield f"{who} has {minor} of which {may[who]} was released and not taken back"


# ---- the audit trail, and jobs -------------------------------------------------------------------------------------

AXES = {  # prefix of the action: table, column, how the subject is named, states in which a row may begin untold
    "lead": ("leads", "moderation", "id", ()), "consent": ("leads", "consent", "id", ("unknown",)),
    "stage": ("leads", "stage", "id", (None,)), "evidence": ("evidence", "state", "id", ("pending", "given")),
    "conversion": ("conversions", "state", "id", ()), "reward": ("rewards", "state", "id", ()),
    "clawback": ("clawbacks", "state", "id", ("reversing",)), "bounty": ("bounties", "state", "id", ("draft",)),
    "funding": ("fundings", "state", "id", ()), "refund": ("refunds", "state", "id", ()),
    "payee": ("connected_accounts", "state", "id", ("none",)), "payable": ("payables", "state", "id", ()),
    "transfer": ("transfers", "state", "id", ()), "reversal": ("transfer_reversals", "state", "id", ()),
}


class AuditTrail:
    """Follows the trail beside the rows: each is where its last event says, and each event begins where the last ended."""

    def __init__(self, states: dict[str, frozenset[str]]) -> None:
        self._states = states
        self._last: dict[tuple[str, str], str] = {}
        self._read_to = ""

    def catch_up(self, facts: Facts) -> Iterator[str]:
        for event in read_audit(self._read_to):
            self._read_to = event["id"]
            yield from self._follow(event)
        for prefix, (table, column, _, untold) in AXES.items():
            for row in facts.tables[table].values():
                said = self._last.get((prefix, row["id"]))
                if row[column] != said and not (said is None and row[column] in untold):
                    yield f"{row['id']} is {row[column]}, and its audit trail ends with {prefix}.{said}"

    def _follow(self, event: Row) -> Iterator[str]:
        prefix, _, state = event["action"].partition(".")
        if not event["actor_id"]:
            yield f"nobody did {event['action']} to {event['subject_id']}"
        if state == "undone":  # A decision that was told to nobody: what it opened was never open.
            self._last.pop((prefix, event["subject_id"]), None)
        if state not in self._states.get(prefix, ()):
            return
        before = self._last.get((prefix, event["subject_id"]))
        was = event["details"].get("was")
        if before is not None and was is not None and was != before:
            yield f"{event['subject_id']} went from {was} to {event['action']}, and was {before}"
        self._last[prefix, event["subject_id"]] = state


def jobs_fail_only_with_stripe(facts: Facts) -> Iterator[str]:
    for job in facts.undone:
        if job["dead_at"] is not None or not job["last_error"].startswith(STRIPE_WAS_AWAY):
            yield f"job {job['job']}: {job['last_error']}"
