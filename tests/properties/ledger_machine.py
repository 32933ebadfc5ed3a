"""Random movements in the ledger, and a model in plain numbers that says beforehand what each must come to."""
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.ledger import NotEnoughMoney, ReferenceReused, Unbalanced
from marketplace.payments.models import MAY_GO_BELOW_ZERO, PLATFORM, AccountKind, LedgerAccount

CURRENCIES = ("usd", "jpy", "kwd")
OURS = (AccountKind.CLEARING, AccountKind.PLATFORM_FEES, AccountKind.STRIPE_FEES, AccountKind.BANK)
THEIRS = (AccountKind.FUNDS, AccountKind.RESERVED, AccountKind.HELD, AccountKind.UNMATCHED)  # No row stands beside these.
OWNERS = 6  # Of each kind: few, so that they meet.
LARGEST = 10**13  # Beyond what a 32-bit column holds.

Name = tuple[AccountKind, str, str]
Lines = list[tuple[Name, int]]


class Outcome(Enum):
    POSTED = auto()
    REPEATED = auto()
    OVERDRAWN = auto()
    REUSED = auto()
    UNBALANCED = auto()
    REFUSED = auto()  # By the database: an attack on what is written.


@dataclass(frozen=True)
class Movement:
    """``lines`` under ``reference``; ``attack`` is SQL that must be refused instead."""

    reference: str = ""
    lines: tuple[tuple[Name, int], ...] = ()
    attack: str = ""


@dataclass
class Model:
    """What the books must say: sums by account, and what was written under which reference."""

    sums: Counter[Name] = field(default_factory=Counter)
    written: dict[str, tuple[tuple[Name, int], ...]] = field(default_factory=dict)

    def copy(self) -> "Model":
        return Model(Counter(self.sums), dict(self.written))

    def expect(self, movement: Movement) -> Outcome:
        if movement.attack:
            return Outcome.REFUSED
        lines = merged(movement.lines)
        sums: Counter[str] = Counter()
        for (_, _, currency), minor in lines:
            sums[currency] += minor
        if any(sums.values()) or len(lines) < 2:
            return Outcome.UNBALANCED
        if movement.reference in self.written:
            return Outcome.REPEATED if self.written[movement.reference] == lines else Outcome.REUSED
        if any(minor < 0 and self.sums[name] + minor < 0 and name[0] not in MAY_GO_BELOW_ZERO for name, minor in lines):
            return Outcome.OVERDRAWN
        return Outcome.POSTED

    def note(self, movement: Movement) -> None:
        lines = merged(movement.lines)
        self.written[movement.reference] = lines
        for name, minor in lines:
            self.sums[name] += minor


def merged(lines: tuple[tuple[Name, int], ...]) -> tuple[tuple[Name, int], ...]:
    by_name: Counter[Name] = Counter()
    for name, minor in lines:
        by_name[name] += minor
    return tuple(sorted((name, minor) for name, minor in by_name.items() if minor))


ATTACKS = (
    "UPDATE postings SET amount_minor = amount_minor + 1", "DELETE FROM postings", "DELETE FROM ledger_entries",
    "UPDATE ledger_entries SET kind = 'other'", "UPDATE ledger_accounts SET floor_minor = NULL", "DELETE FROM ledger_accounts",
    ("INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
    "SELECT entry_id, account_id, 1, 99999, 1, created_at FROM postings LIMIT 1"),
)


def movements(dice: random.Random, model: Model) -> Iterator[Movement]:
    """For ever: mostly sound ones, among them repeats, overdrafts, unbalanced ones, changed ones, attacks."""
    known: list[Movement] = []
    for number in range(10**9):
        roll = dice.random()
        if roll < 0.01 and model.written:
            yield Movement(attack=dice.choice(ATTACKS))
            continue
        if roll < 0.08 and known:
            again = dice.choice(known)
            if dice.random() < 0.5:
                name, minor = again.lines[0]
                again = Movement(again.reference, ((name, minor + 1), (again.lines[1][0], again.lines[1][1] - 1), *again.lines[2:]))
            yield again
            continue
        movement = Movement(f"ref_{number}", tuple(sound_lines(dice, model)))
        if roll < 0.12:
            (name, minor), *rest = movement.lines
            movement = Movement(movement.reference, ((name, minor + dice.choice((-1, 1, 1000))), *rest))
        known.append(movement)
        yield movement


def sound_lines(dice: random.Random, model: Model) -> Lines:
    """Balanced; what leaves an account is now and then more than it has."""
    currency = dice.choice(CURRENCIES)
    lines: Lines = []
    for _ in range(dice.choice((1, 1, 1, 2))):
        source, target = pick(dice, currency), pick(dice, currency)
        there = model.sums[source]
        if source[0] in MAY_GO_BELOW_ZERO:
            amount = dice.choice((1, dice.randint(1, 10_000), dice.randint(1, LARGEST)))
        else:
            amount = max(1, dice.choice((there, there + 1, there // 2, dice.randint(1, 5_000))))
        lines += [(source, -amount), (target, amount)]
    return lines


def pick(dice: random.Random, currency: str) -> Name:
    if dice.random() < 0.4:
        return dice.choice(OURS), PLATFORM, currency
    return dice.choice(THEIRS), f"owner_{dice.randrange(OWNERS)}", currency


class Books:
    """The ledger under test: accounts are looked up once, as callers do."""

    def __init__(self) -> None:
        self._accounts: dict[Name, LedgerAccount] = {}
        self._entries: set[str] = set()

    def account(self, name: Name) -> LedgerAccount:
        if name not in self._accounts:
            self._accounts[name] = ledger.account(*name)
        return self._accounts[name]

    def forget(self) -> None:
        """Accounts made in a transaction that was rolled back are not there."""
        self._accounts.clear()

    def do(self, movement: Movement) -> Outcome:
        if movement.attack:
            return self._attack(movement.attack)
        lines = [(self.account(name), Money(minor, name[2])) for name, minor in movement.lines]
        try:
            entry = ledger.post(lines, kind="drill", reference=movement.reference)
        except NotEnoughMoney:
            return Outcome.OVERDRAWN
        except ReferenceReused:
            return Outcome.REUSED
        except Unbalanced:
            return Outcome.UNBALANCED
        if entry in self._entries:
            return Outcome.REPEATED
        self._entries.add(entry)
        return Outcome.POSTED

    def _attack(self, statement: str) -> Outcome:
        try:
            with db.session.begin_nested():
                db.session.execute(text(statement))
        except DBAPIError:
            return Outcome.REFUSED
        return Outcome.POSTED


def sums_in_the_books() -> dict[Name, int]:
    found = db.session.execute(text(
        "SELECT a.kind, a.owner_id, a.currency, sum(p.amount_minor) FROM ledger_accounts a "
        "JOIN postings p ON p.account_id = a.id GROUP BY a.kind, a.owner_id, a.currency HAVING sum(p.amount_minor) <> 0"))
    return {(AccountKind(kind), owner, currency): int(minor) for kind, owner, currency, minor in found}


@dataclass
class Drill:
    """``count`` random movements in transactions of a few, some of which are rolled back whole; what came of them."""

    seed: int
    count: int
    done: Counter[str] = field(default_factory=Counter)

    def run(self) -> Model:
        dice = random.Random(self.seed)
        model, books = Model(), Books()
        stream = movements(dice, model)
        while self.done["operations"] < self.count:
            kept = self._one_transaction(dice, model, books, stream)
            if kept is not None:
                model.sums, model.written = kept.sums, kept.written
            if self.done["transactions"] % 100 == 0:
                self.compare(model)
        self.compare(model)
        return model

    def _one_transaction(
        self, dice: random.Random, model: Model, books: Books, stream: Iterator[Movement]
    ) -> Model | None:
        trial = model.copy()
        goes_back = dice.random() < 0.05
        self.done["transactions"] += 1
        try:
            with transaction():
                for _ in range(dice.randint(1, 40)):
                    movement = next(stream)
                    expected, came = trial.expect(movement), books.do(movement)
                    assert came is expected, f"seed {self.seed}, operation {self.done['operations']}: {movement} {came} {expected}"
                    if came is Outcome.POSTED:
                        trial.note(movement)
                    self.done["operations"] += 1
                    self.done[came.name.lower()] += 1
                if goes_back:
                    raise GoBack
        except GoBack:
            self.done["rolled back"] += 1
            books.forget()
            return None
        return trial

    def compare(self, model: Model) -> None:
        db.session.rollback()
        assert sums_in_the_books() == {name: minor for name, minor in model.sums.items() if minor}, f"seed {self.seed}"


class GoBack(Exception):
    """Something later in the request went wrong: nothing of it must stay."""
