"""Every value in the database, decrypted, as text by table and column: where does a word stand? And words in each."""
import json
from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import select, update

from marketplace.foundation import clock
from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, db, transaction
from marketplace.privacy.blanking import rows_of_lead
from marketplace.privacy.kinds import KINDS, Whose, columns_of
from marketplace.referrals.models import (
    Buyer,
    Dispute,
    DisputeKind,
    DisputeState,
    DisputeStatement,
    Ending,
    Escalation,
    EvidenceCheck,
    EvidenceFile,
    Lead,
    LeadWords,
    ReasonCode,
    WitnessAnswer,
)
from tests.browsing import end_reading

BUYERS = tuple(kind for kind in KINDS if kind.whose is Whose.BUYER)


def places_of(*words: str) -> set[str]:
    """``table.column`` of every value that has one of these words in it."""
    end_reading()
    found = set()
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            found |= {f"{table.name}.{name}" for name, value in row.items() if any(word in _text(value) for word in words)}
    end_reading()
    return found


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def plant(lead: Lead, word: Callable[[str], str], *, admin_id: str) -> set[str]:
    """Rows of every table that may hold something of a buyer, with ``word("table.column")`` in every column of words.

    The address stays, by which the buyer is found. Gives the columns."""
    email = db.session.get_one(Buyer, lead.buyer_id).email
    with transaction():
        ended = Dispute(kind=DisputeKind.BAD_LEAD, state=DisputeState.WITHDRAWN, lead_id=lead.id, business_id=lead.business_id,
                        about_id=lead.id, claimant_side="buyer", respondent_side="business", currency="usd",
                        happened_on=date(2026, 11, 2), ended_at=clock.now(), ended_by=Ending.WITHDRAWN)
        pdf = EvidenceFile(lead_id=lead.id, kind="pdf", media_type="application/pdf", size_bytes=4, given_sha256="x",
                           page_count=1, content=word("evidence_files.content").encode())
        db.session.add_all([ended, pdf])
        db.session.flush()
        db.session.add_all([
            DisputeStatement(dispute_id=ended.id, side="referrer", said_by="x",
                             text=word("dispute_statements.text"), link=word("dispute_statements.link")),
            WitnessAnswer(dispute_id=ended.id, said="rather_not", currency="usd", is_proven=True,
                          note=word("witness_answers.note")),
            EvidenceFile(lead_id=lead.id, kind="image", media_type="image/png", size_bytes=4, given_sha256="x",
                         page_of_id=pdf.id, content=word("evidence_files.content").encode()),
            EvidenceCheck(lead_id=lead.id, moment="before_asking", outcome="page_gone", is_over=False,
                          checked_at=clock.now(), now_reads=word("evidence_checks.now_reads")),
            LeadWords(lead_id=lead.id, text=""), Escalation(lead_id=lead.id, escalated_by=admin_id, note="")])
        db.session.get_one(Lead, lead.id).reason_code = ReasonCode.OTHER
        db.session.flush()
        found = {"leads.question", "leads.reason_note"}
        for name, columns in columns_of(*BUYERS).items():
            table = Base.metadata.tables[name]
            if name in OF_LEADS:
                found |= {f"{name}.{column}" for column in columns if isinstance(table.c[column].type, EncryptedText)}
                planted = {place.partition(".")[2]: word(place) for place in found if place.startswith(f"{name}.")}
                if name not in NEVER_CHANGED:
                    db.session.execute(update(table).where(rows_of_lead(table, lead)).values(planted))
        db.session.get_one(Buyer, lead.buyer_id, populate_existing=True).email = email
    return found


OF_LEADS = ("buyers", "leads", "evidence", "evidence_checks", "evidence_files", "consent_grants", "escalations", "lead_words",
            "disputes", "dispute_statements", "witness_answers")
NEVER_CHANGED = ("dispute_statements", "witness_answers", "evidence_checks")  # They have theirs from the start.
