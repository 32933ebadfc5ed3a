"""The one list of what is kept of people: where it stands, what for, how long. Erasing, exporting and timers read it.

A column that can hold words and stands neither here nor in ``impersonal.py`` fails a test. Timers carry their reason in
docs/privacy.md, which a test compares with this list.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Whose(StrEnum):
    BUYER = "buyer"
    HOLDER = "account holder"  # Referrers, people of a business, admins.


@dataclass(frozen=True)
class Kind:
    """``columns``: table to its columns, parted by spaces. ``after`` counts from what ``kept`` says in words."""

    name: str
    whose: Whose
    columns: Mapping[str, str]
    purpose: str
    kept: str
    after: timedelta | None = None

    @property
    def title(self) -> str:
        return self.name[0].upper() + self.name[1:]


CONTACT = Kind(
    "contact of a buyer", Whose.BUYER, {"buyers": "name email phone email_hash phone_hash"},
    "To ask the buyer, and to introduce them if they say yes.",
    "until 30 days after the lead ended; of a sale, until 180 days after its last reward came to rest",
    timedelta(days=30))
POST = Kind(
    "post of a buyer", Whose.BUYER,
    {"evidence": "url quote quote_prefix quote_suffix title author text sha256 language published_on failure "
                 "age_reason said_where",
     "evidence_checks": "now_reads", "evidence_files": "media_type given_sha256 text content"},
    "To show that the need is real: to the moderator, and in an appeal or a dispute.",
    "until 90 days after the lead ended; of a sale, until 180 days after its last reward came to rest",
    timedelta(days=90))
WORDS = Kind(
    "words about a buyer", Whose.BUYER,
    {"leads": "how_known question answer appeal reason_note buyer_jurisdiction", "lead_words": "text",
     "escalations": "note", "dispute_statements": "text link", "witness_answers": "note", "disputes": "ruling"},
    "What referrer, business, moderator and buyer wrote to decide the lead, or a dispute about it.",
    "as long as the post", timedelta(days=90))
TRACES = Kind(
    "traces", Whose.BUYER, {"traces": "hash"},
    "To see that one person is not two: scrambled marks of a browser and a network, never an address.",
    "one year after they were last seen", timedelta(days=365))
MARKS = Kind(
    "scrambled marks of a buyer", Whose.BUYER,
    {"buyers": "handle_hash", "leads": "post_hash buyer_hash handle_hash", "lead_signatures": "signature"},
    "To know the same buyer again, so that nobody is asked or paid twice.",
    "as long as the post; of a sale, as long as the sale stands", timedelta(days=90))
SHARE = Kind(
    "presents to a buyer", Whose.BUYER, {"rewards_in_kind": "offer receipt"},
    "How to have what the business gives.", "as long as the sale", timedelta(days=180))
CONSENT = Kind(
    "consent of a buyer", Whose.BUYER, {"consent_grants": "note subject_hash"},
    "To prove what was agreed, with a scrambled mark of the address; the note goes with the contact.",
    "three years after it ended", timedelta(days=3 * 365))
NEVER = Kind(
    "never contact me", Whose.BUYER, {"suppressions": "hash"},
    "To keep the buyer's word: scrambled marks of address, number, handle and post.",
    "for good: it is the buyer's wish")
KNOWN = Kind(
    "known contacts of a business", Whose.BUYER, {"known_contacts": "hash"},
    "A business's own list as scrambled marks: nobody is paid for whom it knew.", "two years after the upload",
    timedelta(days=2 * 365))

CUSTOMERS = Kind(
    "customers of a business", Whose.BUYER,
    {"bindings": "customer_hash email_hash", "binding_clicks": "click_hash",
     "reports": "customer_hash email_hash click_hash code link_code payload"},
    "To know a customer again whom a link or a code brought, by scrambled marks and the code: no name, no address.",
    "three years after the last that was reported of them", timedelta(days=3 * 365))

CLICKS = Kind(
    "clicks on links", Whose.BUYER, {"clicks": "code visitor sub"},
    "To credit whose link it was: a mark of the day or of chance, and no address. The numbers by day stay.",
    "400 days after the click", timedelta(days=400))

ACCOUNT = Kind(
    "account", Whose.HOLDER, {"users": "email name password_hash jurisdiction session_stamp"},
    "To sign in, to be told, and to be paid.", "until you close it; never confirmed, 90 days", timedelta(days=90))
KEYS = Kind(
    "API keys", Whose.HOLDER, {"api_keys": "name prefix secret_hash scopes"},
    "To let a program act for you.", "90 days after it was revoked or ran out", timedelta(days=90))
ANSWERS = Kind(
    "answers of the API", Whose.HOLDER, {"api_answers": "owner_id key fingerprint body"},
    "To answer a call that is sent twice alike.", "30 days", timedelta(days=30))
PARTS = Kind(
    "shares in a reward", Whose.HOLDER, {"split_parts": "email email_hash"},
    "To ask whom a referrer wants to share with.", "90 days after the lead ended, where they did not agree",
    timedelta(days=90))
PAYEE = Kind(
    "payee", Whose.HOLDER, {"connected_accounts": "requirements restriction bank_marks"},
    "To pay you. Bank details and papers are at Stripe only.",
    "with the account; Stripe keeps what the law asks of it")

CASES = Kind(
    "suspicions of fraud", Whose.HOLDER, {"fraud_cases": "keep_reason reason explanation appeal"},
    "What an admin and the person wrote about a lead that waits because of them.", "with the account")
BANK = Kind(
    "words to a bank", Whose.HOLDER, {"chargeback_answers": "text"},
    "Who paid in for a business, for the bank that asks its money back.", "with the account of who paid in")
LINKS = Kind(
    "links of a referrer", Whose.HOLDER, {"referral_links": "spoken spoken_key", "stripe_door_events": "facts outcome"},
    "The code that is said aloud has the referrer's first name in it; it goes also where sales were reported with it.",
    "until you close your account")
CARD = Kind(
    "card of a business", Whose.HOLDER,
    {"stripe_customers": "card_brand card_last4 card_expires", "fundings": "paid_with checkout_url"},
    "To say which card was charged: its kind and last four digits. The number is at Stripe only.",
    "as long as the books that name it")

UPLOADS = Kind(
    "uploaded files", Whose.BUYER, {"uploads": "file_name", "upload_parts": "content outcomes"},
    "To count what a business says it sold; rows of its file may name buyers.",
    "until 30 days after the file was taken", timedelta(days=30))
INVITED = Kind(
    "partners that a business brings", Whose.HOLDER,
    {"partner_invitations": "name email email_hash code code_key", "past_rewards": "partner_hash"},
    "To invite those who recommended a business in another programme, and to show them what they earned there.",
    "180 days after they were brought, where they did not say yes", timedelta(days=180))

SECRETS = Kind(
    "secrets of a business", Whose.HOLDER,
    {"webhook_endpoints": "secret old_secret", "stripe_doors": "secret old_secret"},
    "To sign what its programs are told, and to know that its own Stripe account speaks.",
    "until its people remove them")
BOUGHT = Kind(
    "names in Stripe’s events", Whose.BUYER, {"stripe_door_events": "who"},
    "To know whose customer bought at a business’s own Stripe account.",
    "until the event is handled; one whose sale never comes, 30 days", timedelta(days=30))

KINDS = (CONTACT, POST, WORDS, MARKS, TRACES, SHARE, CONSENT, NEVER, KNOWN, CUSTOMERS, CLICKS, ACCOUNT, KEYS, ANSWERS,
         PARTS, PAYEE, CASES, BANK, LINKS, CARD, SECRETS, BOUGHT, UPLOADS, INVITED)

SOLD_RESTS = timedelta(days=180)  # A card's bank may ask its money back for so long.
PROMISES_KEPT = timedelta(days=90)  # Jobs done: names and ids, no words of a person.


def columns_of(*kinds: Kind) -> dict[str, list[str]]:
    """Table to columns, of all these kinds together."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        for table, columns in kind.columns.items():
            found.setdefault(table, []).extend(columns.split())
    return found
