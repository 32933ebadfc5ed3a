"""Files as evidence: taken whole with the lead or its answer, kept encrypted, read by few.

By whoever gave them, by admins and by the buyer. Never by a business, not after a yes either: what the buyer allows is
one address, and a mail or a screenshot may show others.
"""
from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from marketplace.foundation import audit, clock
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.errors import Invalid, NotFound
from marketplace.foundation.given_files import SHOWN, GivenFile
from marketplace.foundation.quotes import find_quote
from marketplace.identity.models import User
from marketplace.referrals.models import EvidenceFile, FileKind, Lead
from marketplace.referrals.permissions import is_referrer, may_moderate

# In the trail: that there was one, and who had it before them.
FILE_GIVEN, SEEN, TAKEN = "evidence.file_given", "evidence.file_seen", "evidence.file_taken"
MOST_AT_ONCE = 3
MOST_OF_A_LEAD = 9
LONGEST_TEXT = 20_000  # Characters, as of a page.
ENDINGS = {FileKind.IMAGE: "webp", FileKind.PDF: "pdf", FileKind.EMAIL: "eml"}


class TooManyFiles(Invalid):
    code = "too_many_files"


def keep_files(lead: Lead, files: Sequence[GivenFile], *, by: str) -> None:
    """All of them or none. What they say stands in for a text that nobody typed. TooManyFiles (422)."""
    had = db.session.scalar(select(func.count()).select_from(EvidenceFile).where(
        EvidenceFile.lead_id == lead.id, EvidenceFile.page_of_id.is_(None))) or 0
    if len(files) > MOST_AT_ONCE or had + len(files) > MOST_OF_A_LEAD:
        raise TooManyFiles(f"We take {MOST_AT_ONCE} files at once, and {MOST_OF_A_LEAD} for one lead.", fields={
            "files": [f"Choose the {MOST_AT_ONCE} that show it best."]})
    for file in files:
        kept = EvidenceFile(
            lead_id=lead.id, kind=FileKind(file.kind), media_type=file.media_type, size_bytes=len(file.content),
            given_sha256=file.given_sha256, page_count=file.page_count, text=file.text or None, content=file.content)
        db.session.add(kept)
        db.session.flush()
        db.session.add_all(EvidenceFile(
            lead_id=lead.id, page_of_id=kept.id, kind=FileKind.IMAGE, media_type=SHOWN, size_bytes=len(picture),
            given_sha256=file.given_sha256, content=picture) for picture in file.pages)
        audit.record(FILE_GIVEN, lead.id, by=by, file=kept.id, kind=file.kind)
    db.session.flush()


def stand_in(lead: Lead, files: Sequence[GivenFile]) -> None:
    """Where nobody typed a text and no page was read, the files' own words are the evidence's. The words around the
    sentence are not kept beside it: in a mail they are its headers, or how to reach somebody."""
    evidence, said = lead.evidence, "\n\n".join(file.text for file in files if file.text)[:LONGEST_TEXT]
    if said and not evidence.text:
        evidence.text, evidence.quote_found = said, find_quote(said, evidence.quote).found


def has_given(lead: Lead) -> bool:
    """Whether the referrer gave anything beside the address."""
    return bool(lead.evidence.text) or bool(files_of(lead))


def files_of(lead: Lead) -> list[EvidenceFile]:
    """In the order in which they came, without their bytes; the pictures of pages are not among them."""
    return list(db.session.scalars(select(EvidenceFile).where(
        EvidenceFile.lead_id == lead.id, EvidenceFile.page_of_id.is_(None)).order_by(EvidenceFile.id)))


def pages_of(lead: Lead) -> dict[str, list[EvidenceFile]]:
    """Pictures of pages by their file's id, without their bytes."""
    found: dict[str, list[EvidenceFile]] = {}
    for page in db.session.scalars(select(EvidenceFile).where(
            EvidenceFile.lead_id == lead.id, EvidenceFile.page_of_id.is_not(None)).order_by(EvidenceFile.id)):
        found.setdefault(page.page_of_id or "", []).append(page)
    return found


def may_see_files(user: User | None, lead: Lead) -> bool:
    """Them, their pages and their text. None is the buyer, whose link the caller has looked at."""
    return user is None or may_moderate(user, lead) or is_referrer(user, lead)


def get_file(lead: Lead, file_id: str, *, by: User | None) -> EvidenceFile:
    """With its bytes, for who may see this lead's files; else as if there were none (404)."""
    file = db.session.scalar(select(EvidenceFile).where(
        EvidenceFile.id == file_id, EvidenceFile.lead_id == lead.id).options(undefer(EvidenceFile.content)))
    if file is None or not may_see_files(by, lead):
        raise NotFound("There is no such file for you to read.", next_step=(
            "Files are read by whoever gave them, by moderators and by the buyer, from the pages that name them."))
    return file


def see_file(lead: Lead, file_id: str, *, by: User) -> EvidenceFile:
    """To be shown on a page: a picture's first look of a day leaves a row in the audit trail."""
    file = get_file(lead, file_id, by=by)
    if file.kind is FileKind.IMAGE and not was_seen_today(lead, file_id, by=by):
        audit.record(SEEN, lead.id, by=by.id, file=file.id)
    return file


def was_seen_today(lead: Lead, file_id: str, *, by: User) -> bool:
    """By this reader, on this day (UTC)."""
    today = datetime.combine(clock.now().date(), time(), UTC)
    looks = audit.events_about(lead.id).where(
        AuditEvent.action == SEEN, AuditEvent.actor_id == by.id, AuditEvent.created_at >= today)
    return any(look.details.get("file") == file_id for look in db.session.scalars(looks))


def open_file(lead: Lead, file_id: str, *, by: User) -> EvidenceFile:
    """To be taken away as a file: that leaves a row in the audit trail."""
    file = get_file(lead, file_id, by=by)
    audit.record(TAKEN, lead.id, by=by.id, file=file.id)
    return file


def neutral_name(file: EvidenceFile) -> str:
    """Never what somebody called it."""
    return f"evidence-{file.id[-6:]}.{ENDINGS[file.kind]}"
