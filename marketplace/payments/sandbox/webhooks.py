"""Signed deliveries of events: by a background thread with retries, or by hand, in order, doubled, mixed or dropped."""
import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.world import World

LAST_ATTEMPT = 4_320  # Three days at one a minute, as long as Stripe tries.
LONGEST_WAIT_SECONDS = 60.0
ANSWER_SECONDS = (3.05, 10)
Deliver = Callable[[bytes, dict[str, str]], int | None]


@dataclass(frozen=True)
class Endpoint:
    url: str
    secret: str


@dataclass
class DeliveryPlan:
    """``order`` is created, reversed or shuffled; each event is sent ``copies`` times; the next ``drop`` are lost."""

    paused: bool = False
    order: str = "created"
    copies: int = 1
    drop: int = 0


class Webhooks:
    """``deliver`` takes the place of HTTP: called with body and headers, answers a status (None is 200)."""

    def __init__(self, world: World, endpoints: list[Endpoint], deliver: Deliver | None) -> None:
        self._world, self.endpoints, self._deliver = world, endpoints, deliver
        self.plan = DeliveryPlan()
        self._turn = threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._dice = random.Random(0)  # noqa: S311 - a repeatable shuffle, not a secret
        self._thread: threading.Thread | None = None
        self._session = requests.Session()
        self._session.trust_env = False

    def queue(self, event_id: str) -> None:
        """Called inside the transaction of the event; the thread sees it once that has committed."""
        for number in range(len(self.endpoints)):
            self._world.store.sql("INSERT INTO delivery (event_id, endpoint) VALUES (?, ?)", event_id, number)
        self._wake.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._keep_delivering, name="sandbox-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The delivery under way is finished first; the rest waits for the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join()
        self._session.close()

    def seed(self, seed: int) -> None:
        self._dice.seed(seed)

    def undelivered(self) -> list[dict[str, object]]:
        rows = self._world.store.sql(
            "SELECT delivery.*, json_extract(object.body, '$.type') AS type FROM delivery "
            "JOIN object ON object.id = event_id WHERE state <> 'delivered' ORDER BY delivery.seq")
        return [dict(row) for row in rows]

    def deliver_pending(
        self, *, order: str | None = None, copies: int | None = None, due_by: float | None = None
    ) -> int:
        """One attempt at each waiting delivery (those due, if ``due_by`` is told); how many were taken."""
        with self._turn:
            rows = self._world.store.sql(
                "SELECT * FROM delivery WHERE state = 'pending' AND due <= ? ORDER BY seq",
                float("1e18") if due_by is None else due_by)
            rows *= copies or self.plan.copies
            match order or self.plan.order:
                case "reversed":
                    rows.reverse()
                case "shuffled":
                    self._dice.shuffle(rows)
            return sum([self._attempt(row["seq"]) for row in rows if not self._stopping.is_set()])

    def resend(self, event_id: str) -> int:
        """Send one event again, delivered or not; how many endpoints took it."""
        with self._turn:
            rows = self._world.store.sql("SELECT seq FROM delivery WHERE event_id = ?", event_id)
            return sum([self._attempt(row["seq"]) for row in rows])

    def _attempt(self, seq: int) -> bool:
        row = self._world.store.sql("SELECT * FROM delivery WHERE seq = ?", seq)[0]
        if self.plan.drop > 0:
            self.plan.drop -= 1
            self._note(seq, "dropped", row["attempts"], "dropped on purpose")
            return False
        event = self._world.store.find(row["event_id"])
        assert event is not None  # Deliveries and events are written together.
        body = json.dumps(present(self._world, event)).encode()
        endpoint = self.endpoints[row["endpoint"]]
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (sandbox)",
                   "Stripe-Signature": sign(body, endpoint.secret)}
        try:
            status = self._send(endpoint, body, headers)
            error = "" if 200 <= status < 300 else f"answered {status}"
        except requests.RequestException as failure:
            error = type(failure).__name__
        attempts = row["attempts"] + 1
        if error:
            failed = "dead" if attempts >= LAST_ATTEMPT else "pending"
            self._note(seq, row["state"] if row["state"] == "delivered" else failed, attempts, error)
        else:
            self._note(seq, "delivered", attempts, "")
        return not error

    def _send(self, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> int:
        if self._deliver:
            return self._deliver(body, headers) or 200
        return self._session.post(endpoint.url, body, headers=headers, timeout=ANSWER_SECONDS,
                                  allow_redirects=False).status_code

    def _note(self, seq: int, state: str, attempts: int, error: str) -> None:
        wait = min(2.0 ** (attempts - 1), LONGEST_WAIT_SECONDS)
        self._world.store.sql("UPDATE delivery SET state = ?, attempts = ?, due = ?, error = ? WHERE seq = ?",
                              state, attempts, time.time() + wait, error, seq)

    def _keep_delivering(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(timeout=0.5)
            self._wake.clear()
            if not self.plan.paused and not self._stopping.is_set():
                self.deliver_pending(due_by=time.time())


def sign(body: bytes, secret: str) -> str:
    """The Stripe-Signature header, by real time: receivers refuse what is older than five minutes."""
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
