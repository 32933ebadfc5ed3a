"""A copy of the whole database, or of the sandbox, and the way back to it: an operator's backup, in milliseconds."""
import sqlite3

from marketplace.foundation.db import db
from tests.browsing import end_reading
from tests.database import copies_of
from tests.sandbox_server import SandboxServer


class Backup:
    """Everything that is committed now. ``restore`` forgets all that came after it."""

    def __init__(self) -> None:
        end_reading()
        self._bring_back = copies_of(db.engine.url).make()

    def restore(self) -> None:
        end_reading()
        db.session.expire_all()
        self._bring_back()


class SandboxBackup:
    """Stripe as it is now. Only tests can have that."""

    def __init__(self, stripe: SandboxServer) -> None:
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        store = stripe.box.world.store
        with store._lock:
            store._database.backup(self._kept)
        self._calls, self._received = list(stripe.box.calls), list(stripe.received)

    def restore(self, stripe: SandboxServer) -> None:
        store = stripe.box.world.store
        with store._lock:
            self._kept.backup(store._database)
        stripe.box.calls.clear()
        stripe.box.calls.extend(self._calls)
        stripe.received[:] = self._received
