"""What a hand in the database does: past the code, and past the database's own rules."""
from sqlalchemy import text

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from tests.browsing import end_reading
from tests.database import copies_of


def forge(statement: str, **values: object) -> None:
    end_reading()
    with copies_of(db.engine.url).past_rules.begin() as connection:
        connection.execute(text(statement), values)


def forget_entry(reference: str) -> None:
    """As if it had never been posted: with its postings, and with what it says of the row left as it is."""
    entry = "(SELECT id FROM ledger_entries WHERE reference = :reference)"
    for table in ("postings", "explanations"):
        forge(f"DELETE FROM {table} WHERE entry_id = {entry}", reference=reference)
    forge("DELETE FROM ledger_entries WHERE reference = :reference", reference=reference)


def forge_posting(kind: AccountKind, owner_id: str, minor: int, *, currency: str = "usd", entry_id: str = "entry_z") -> None:
    """Between this account and our balance at Stripe."""
    end_reading()
    held, clearing = ledger.account(kind, owner_id, currency), ledger.clearing(currency)
    seq = ledger.count_postings(held) + 1
    after = ledger.balance(held).minor + minor
    now = clock.now()
    forge("INSERT INTO ledger_entries (id, kind, reference, fingerprint, created_at) VALUES (:id, 'forged', :id, 'z', :now)",
          id=entry_id, now=now)
    forge("INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
          "VALUES (:entry, :held, :minor, :seq, :after, :now)",
          entry=entry_id, held=held.id, minor=minor, seq=seq, after=after, now=now)
    forge("INSERT INTO postings (entry_id, account_id, amount_minor, created_at) VALUES (:entry, :id, :minor, :now)",
          entry=entry_id, id=clearing.id, minor=-minor, now=now)
