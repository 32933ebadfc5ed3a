"""Tables of a lead's way: the buyer, the lead, its evidence, the consent. Facts only."""
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.bounties.models import Allowed, Bounty, Terms
from marketplace.foundation.crypto import EncryptedText
from marketplace.foundation.db import Base, Versioned, state_column
from marketplace.foundation.ids import new_id
from marketplace.identity.models import Business, User


class Moderation(StrEnum):
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    NEEDS_INFO = "needs_info"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Consent(StrEnum):
    UNKNOWN = "unknown"
    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    WITHDRAWN = "withdrawn"


class Stage(StrEnum):
    NEW = "new"
    INTRODUCED = "introduced"
    QUALIFIED = "qualified"
    MEETING = "meeting"
    NEGOTIATION = "negotiation"
    WON = "won"
    LOST = "lost"
    UNQUALIFIED = "unqualified"


class ReasonCode(StrEnum):
    NOT_A_BUYER = "not_a_buyer"
    INVALID_EVIDENCE = "invalid_evidence"
    EVIDENCE_UNAVAILABLE = "evidence_unavailable"
    OUT_OF_SCOPE = "out_of_scope"
    OUT_OF_AREA = "out_of_area"
    ALREADY_KNOWN = "already_known"
    DUPLICATE = "duplicate"
    STALE_INTENT = "stale_intent"
    NO_CONSENT = "no_consent"
    SELF_REFERRAL = "self_referral"
    PROHIBITED_CATEGORY = "prohibited_category"
    SPAM = "spam"
    OTHER = "other"


class LeadSource(StrEnum):
    """How the buyer and the business came together."""

    POST = "post"  # Somebody pointed at the buyer; a person moderates, and the buyer is asked.
    LINK = "link"  # The buyer came by a referrer's link, or named their code: there is nothing to moderate or to ask.
    CODE = "code"


class Acquaintance(StrEnum):
    """How the referrer knows the buyer."""

    FRIEND = "friend"
    FAMILY = "family"
    COLLEAGUE = "colleague"
    ONLINE = "online"  # Reads them, follows them.
    NONE = "none"  # Only saw the post.


class Channel(StrEnum):
    EMAIL = "email"
    PHONE = "phone"


UNTOLD_BUYERS = "told_at IS NULL AND erased_at IS NULL"
LIVE_LEADS = "moderation NOT IN ('rejected', 'duplicate', 'withdrawn', 'expired')"


class Buyer(Base):
    """The only place for a buyer's personal data: encrypted, with keyed hashes for look-up."""

    __tablename__ = "buyers"
    __table_args__ = (
        Index("buyers_untold_idx", "created_at",
              postgresql_where=text(UNTOLD_BUYERS), sqlite_where=text(UNTOLD_BUYERS)),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("buyer"))
    name: Mapped[str | None] = mapped_column(EncryptedText)
    email: Mapped[str | None] = mapped_column(EncryptedText)
    phone: Mapped[str | None] = mapped_column(EncryptedText)
    email_hash: Mapped[str | None] = mapped_column(index=True)
    phone_hash: Mapped[str | None] = mapped_column(index=True)
    handle_hash: Mapped[str | None] = mapped_column(index=True)  # What they go by on a platform.
    # The clocks of the law (referrals/legal_clocks.py); the first runs from created_at.
    told_at: Mapped[datetime | None]  # That somebody pointed at them: by our mail, or they answered.
    told_how: Mapped[str | None]
    disclosed_at: Mapped[datetime | None]  # To the business, for the first time.
    erasure_asked_at: Mapped[datetime | None]  # By the buyer, while something was still open.
    erased_at: Mapped[datetime | None]
    erased_why: Mapped[str | None]


class Suppression(Base):
    """Never contact me: a hash of an address, a phone number or a post, for every business."""

    __tablename__ = "suppressions"

    hash: Mapped[str] = mapped_column(primary_key=True)


class Lead(Versioned, Base):
    """One buyer pointed out for one bounty, under the terms of that day."""

    __tablename__ = "leads"
    __table_args__ = (
        # First come, first served: one live lead of a business for one post, and for one buyer.
        Index("leads_one_per_post_key", "business_id", "post_hash", unique=True,
              postgresql_where=text(LIVE_LEADS), sqlite_where=text(LIVE_LEADS)),
        Index("leads_one_per_buyer_key", "business_id", "buyer_hash", unique=True,
              postgresql_where=text(LIVE_LEADS), sqlite_where=text(LIVE_LEADS)),
        Index("leads_one_per_handle_key", "business_id", "handle_hash", unique=True,
              postgresql_where=text(LIVE_LEADS), sqlite_where=text(LIVE_LEADS)),
        Index("leads_queue_idx", "moderation", "submitted_at"),
        CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decision_whole"),
        CheckConstraint(
            "moderation NOT IN ('rejected') OR reason_code IS NOT NULL", name="rejection_has_reason"),
        CheckConstraint("(stage IS NULL) = (accepted_at IS NULL)", name="stage_once_accepted"),
        CheckConstraint("(accepted_at IS NULL) = (protected_until IS NULL)", name="protection_whole"),
        CheckConstraint("allowed = 'cash' OR gate_rule_id IS NOT NULL", name="less_by_a_rule"),
        CheckConstraint("consent = 'unknown' OR accepted_at IS NOT NULL", name="consent_once_accepted"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("lead"))
    bounty_id: Mapped[str] = mapped_column(ForeignKey("bounties.id"), index=True)
    terms_id: Mapped[str] = mapped_column(ForeignKey("terms.id"))
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    referrer_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    buyer_id: Mapped[str] = mapped_column(ForeignKey("buyers.id"), unique=True)

    source: Mapped[LeadSource] = state_column(LeadSource, default=LeadSource.POST, server_default="post")
    moderation: Mapped[Moderation] = state_column(Moderation, default=Moderation.SUBMITTED)
    consent: Mapped[Consent] = state_column(Consent, default=Consent.UNKNOWN)
    stage: Mapped[Stage | None] = state_column(Stage)

    acquaintance: Mapped[Acquaintance] = state_column(Acquaintance)
    how_known: Mapped[str] = mapped_column(EncryptedText)  # In the referrer's words.
    post_hash: Mapped[str | None]
    buyer_hash: Mapped[str | None]
    handle_hash: Mapped[str | None]
    buyer_jurisdiction: Mapped[str] = mapped_column(default="")  # As the referrer says, then the buyer; "" unsaid.
    allowed: Mapped[Allowed] = state_column(Allowed, default=Allowed.CASH)  # The law's most, as it was known.
    gate_rule_id: Mapped[str | None]
    duplicate_of_id: Mapped[str | None] = mapped_column(ForeignKey("leads.id"), index=True)

    submitted_at: Mapped[datetime]
    question: Mapped[str | None] = mapped_column(EncryptedText)  # What we need to know (needs_info).
    question_asked_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(EncryptedText)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    tell_at: Mapped[datetime | None]  # Decided, and told to nobody before then: until it is told it can be undone.
    reason_code: Mapped[ReasonCode | None] = state_column(ReasonCode)
    missed_criterion: Mapped[str | None]
    reason_note: Mapped[str | None] = mapped_column(EncryptedText)
    appeal: Mapped[str | None] = mapped_column(EncryptedText)
    accepted_at: Mapped[datetime | None]
    protected_until: Mapped[datetime | None]
    consent_due_at: Mapped[datetime | None]  # The buyer is asked until then.
    silent_until: Mapped[datetime | None]  # Not now, they said: until then nobody reminds them.
    is_held: Mapped[bool] = mapped_column(default=False, server_default=false())  # An admin looks at it first.

    @property
    def is_tracked(self) -> bool:
        """The buyer came to the business by themselves, by a link or a code: no contact data goes through us."""
        return self.source is not LeadSource.POST

    bounty: Mapped[Bounty] = relationship(lazy="joined", innerjoin=True)
    terms: Mapped[Terms] = relationship(lazy="joined", innerjoin=True)
    business: Mapped[Business] = relationship(lazy="joined", innerjoin=True)
    referrer: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    evidence: Mapped["Evidence"] = relationship(lazy="joined", back_populates="lead", uselist=False)
    buyer: Mapped[Buyer] = relationship(lazy="raise")  # Asked for by name only: referrals/contact.py.


class LeadWords(Base):
    """What the business or an admin wrote of a lead beside a step, such as why it was lost. The trail names its id."""

    __tablename__ = "lead_words"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("words"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    text: Mapped[str] = mapped_column(EncryptedText)
    by_admin: Mapped[bool] = mapped_column(default=False, server_default=false())


class EvidenceState(StrEnum):
    PENDING = "pending"  # The page is still to be read.
    CAPTURED = "captured"
    UNAVAILABLE = "unavailable"
    GIVEN = "given"  # Text typed in where there is no URL.


class Evidence(Versioned, Base):
    """What was read at the URL, and when: it names a person, so it is encrypted like one."""

    __tablename__ = "evidence"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("evidence"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), unique=True)
    state: Mapped[EvidenceState] = state_column(EvidenceState, default=EvidenceState.PENDING)
    url: Mapped[str | None] = mapped_column(EncryptedText)
    quote: Mapped[str] = mapped_column(EncryptedText)
    quote_prefix: Mapped[str | None] = mapped_column(EncryptedText)
    quote_suffix: Mapped[str | None] = mapped_column(EncryptedText)
    quote_found: Mapped[bool | None]
    title: Mapped[str | None] = mapped_column(EncryptedText)
    author: Mapped[str | None] = mapped_column(EncryptedText)
    published_on: Mapped[date | None]
    language: Mapped[str | None]
    text: Mapped[str | None] = mapped_column(EncryptedText)
    sha256: Mapped[str | None]
    captured_at: Mapped[datetime | None]
    failure: Mapped[str | None]  # A FetchFailure.
    read_again_at: Mapped[datetime | None]  # When we last looked whether it still stands; models/evidence.py says how.
    said_where: Mapped[str | None] = mapped_column(EncryptedText)  # Where there is no address, in the referrer's words.
    said_on: Mapped[date | None]  # When, as the referrer says; what the page itself says comes first.
    age_reason: Mapped[str | None] = mapped_column(EncryptedText)  # Why an old post still holds.

    lead: Mapped[Lead] = relationship(lazy="raise", back_populates="evidence")


class ConsentGrant(Versioned, Base):
    """The buyer's yes, as a receipt: to whom, for what, by which channel, until when; kept after it ends."""

    __tablename__ = "consent_grants"
    __table_args__ = (
        Index("consent_grants_one_live_key", "lead_id", unique=True,
              postgresql_where=text("withdrawn_at IS NULL AND replaced_at IS NULL"),
              sqlite_where=text("withdrawn_at IS NULL AND replaced_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("consent"))
    lead_id: Mapped[str] = mapped_column(ForeignKey("leads.id"), index=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    purpose: Mapped[str]
    channel: Mapped[Channel] = state_column(Channel)
    until: Mapped[date]
    note: Mapped[str | None] = mapped_column(EncryptedText)
    confirmed_at: Mapped[datetime | None]  # When the address was proved to be the buyer's own.
    withdrawn_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
    # Once the address is erased: a mark by which whoever has it can be shown what they agreed to, and nobody else.
    subject_hash: Mapped[str | None] = mapped_column(index=True)
