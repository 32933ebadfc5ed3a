"""A referrer's link for a bounty, made once, and the code that is said aloud: ``say ANA-WESTSIDE``."""
import json
import re
import secrets
import unicodedata
from collections.abc import Iterator

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, violates
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.ids import ALPHABET
from marketplace.identity.models import User
from marketplace.identity.permissions import require_confirmed
from marketplace.referrals.models import Evidence, Lead, LeadSource
from marketplace.referrals.permissions import may_point
from marketplace.tracking.models import ReferralLink, Report, StripeDoor, StripeDoorEvent
from marketplace.tracking.permissions import may_end_link

CODE_LETTERS = 8
LONGEST_WORD = 12  # Of the two that a spoken code is made of.
LITTLE_WORDS = frozenset({
    "THE", "A", "AN", "DER", "DIE", "DAS", "LE", "LA", "LES", "EL", "LOS", "DR", "MR", "MRS", "MS"})
MISREAD = str.maketrans("ilo", "110")  # What people take these digits for; no code has the letters.
TRIES = 5


# JSON as its text; a spoken code is capitals, digits and dashes, so it stands there as it is.
_UNSAID = {
    "sqlite": text("UPDATE reports SET reasons = replace(reasons, :spoken, :code) "
                   "WHERE business_id = :business_id AND instr(reasons, :spoken)"),
    "postgresql": text("UPDATE reports SET reasons = replace(reasons::text, :spoken, :code)::json "
                       "WHERE business_id = :business_id AND strpos(reasons::text, :spoken) > 0"),
}
# As it was typed, and so in JSON: between quotes.
_UNTYPED = {
    "sqlite": text("UPDATE reports SET code = :code, payload = replace(payload, :quoted, :instead) "
                   "WHERE business_id = :business_id AND code = :typed"),
    "postgresql": text("UPDATE reports SET code = :code, payload = replace(payload::text, :quoted, :instead)::json "
                       "WHERE business_id = :business_id AND code = :typed"),
}
_UNTOLD = {
    "sqlite": text("UPDATE stripe_door_events SET facts = replace(facts, :quoted, :instead), "
                   "outcome = replace(outcome, :typed, :code) WHERE facts ->> 'code' = :typed "
                   "AND door_id IN (SELECT id FROM stripe_doors WHERE business_id = :business_id)"),
    "postgresql": text("UPDATE stripe_door_events SET facts = replace(facts::text, :quoted, :instead)::json, "
                       "outcome = replace(outcome, :typed, :code) WHERE facts ->> 'code' = :typed "
                       "AND door_id IN (SELECT id FROM stripe_doors WHERE business_id = :business_id)"),
}


class NotRunning(Conflict):
    code = "bounty_not_live"


def link_of(bounty: Bounty, *, by: User, wish: str = "") -> ReferralLink:
    """Their link, made the first time; ``wish`` becomes its spoken code where nobody has that.

    EmailUnconfirmed, Forbidden for the business's own people; NotRunning (409).
    """
    require_confirmed(by)
    require(may_point(by, bounty), "have a link for this bounty")
    if found := find_link(bounty, by):
        return found
    if bounty.state is not BountyState.LIVE:
        raise NotRunning("This bounty is not open now, so there is no new link for it.",
                         next_step="Choose another bounty from the board.")
    for spoken in (*([wish] if key_of(wish) else ()), *_spoken_codes(by.name, bounty.business.name)):
        try:
            with db.session.begin_nested():
                link = ReferralLink(code=new_code(), spoken=spoken, spoken_key=key_of(spoken),
                                    bounty_id=bounty.id, referrer_id=by.id)
                db.session.add(link)
                db.session.flush()
        except IntegrityError as error:
            if violates(error, "referral_links_one_running_key", "referral_links.bounty_id"):
                break  # The same person asked twice at once: the other one is theirs.
            continue
        audit.record("link.made", link.id, by=by.id, bounty_id=bounty.id)
        return link
    if found := find_link(bounty, by):
        return found
    raise Conflict("There was no code left to give.", next_step="Try once more.")


def end_link(link: ReferralLink, *, by: User) -> None:
    """It leads nowhere from now on; what was clicked before still counts. Twice is once."""
    require(may_end_link(by, link), "end this link")
    if link.ended_at is None:
        link.ended_at = clock.now()
        audit.record("link.ended", link.id, by=by.id)


def forget_links(referrer_id: str, *, by: str) -> None:
    """With their account: each ends, and the name in what was said aloud goes, also from what was reported with it and
    why it was credited; the link's other code stands there instead. What it brought stays credited."""
    for link in db.session.scalars(select(ReferralLink).where(ReferralLink.referrer_id == referrer_id).options(
            joinedload(ReferralLink.bounty))).all():
        if link.spoken:
            _forget_spoken(link)
        link.spoken, link.spoken_key = "", f"erased:{link.id}"
        if link.ended_at is None:
            link.ended_at = clock.now()
            audit.record("link.ended", link.id, by=by)


def _forget_spoken(link: ReferralLink) -> None:
    """Also from what the business's own Stripe told of it."""
    dialect, of = db.engine.dialect.name, {"business_id": link.bounty.business_id, "code": link.code}
    db.session.execute(_UNSAID[dialect], {**of, "spoken": link.spoken})
    told_here = StripeDoorEvent.door_id.in_(
        select(StripeDoor.id).where(StripeDoor.business_id == link.bounty.business_id))
    db.session.execute(update(StripeDoorEvent).where(told_here, StripeDoorEvent.outcome.contains(link.spoken)).values(
        outcome=func.replace(StripeDoorEvent.outcome, link.spoken, link.code)))
    told = StripeDoorEvent.facts["code"].as_string()
    for replacing, said in (
        (_UNTYPED, select(Report.code).where(Report.business_id == link.bounty.business_id)),
        (_UNTOLD, select(told).where(told_here, told.is_not(None))),
    ):
        for typed in db.session.scalars(said.distinct()).all():
            if typed and key_of(typed) == link.spoken_key:
                db.session.execute(replacing[dialect], {
                    **of, "typed": typed, "quoted": json.dumps(typed), "instead": json.dumps(link.code)})
    for evidence in db.session.scalars(select(Evidence).join(Lead, Lead.id == Evidence.lead_id).where(
            Lead.referrer_id == link.referrer_id, Lead.bounty_id == link.bounty_id, Lead.source == LeadSource.CODE)):
        evidence.quote = evidence.quote.replace(link.spoken, link.code)


def find_link(bounty: Bounty, referrer: User) -> ReferralLink | None:
    """The one that runs."""
    return db.session.scalar(select(ReferralLink).where(
        ReferralLink.bounty_id == bounty.id, ReferralLink.referrer_id == referrer.id, ReferralLink.ended_at.is_(None)))


def find_by_code(text: str) -> ReferralLink | None:
    """By either code, however it was typed or heard; also one that ended. Its bounty and referrer come along."""
    said = key_of(text)
    if not said:
        return None
    found = db.session.scalars(
        select(ReferralLink).options(joinedload(ReferralLink.bounty), joinedload(ReferralLink.referrer))
        .where((ReferralLink.code == said.lower().translate(MISREAD)) | (ReferralLink.spoken_key == said))).all()
    return min(found, key=lambda link: link.spoken_key == said, default=None)


def is_running(link: ReferralLink) -> bool:
    """Whether it leads anywhere. Needs ``link.bounty``."""
    return link.ended_at is None and link.bounty.state is BountyState.LIVE


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))


def key_of(said: str) -> str:
    """Letters and digits alone, without accents and in capitals: ``Ána - westside!`` is ANAWESTSIDE."""
    return "".join(re.findall(r"[A-Z0-9]", _plain(said[:100])))


def _plain(said: str) -> str:
    letters = unicodedata.normalize("NFKD", said.upper().replace("ß", "SS").replace("Ø", "O").replace("Ł", "L"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _spoken_codes(person: str, business: str) -> Iterator[str]:
    """ANA-WESTSIDE; taken, with a number. Who is written in other letters has four of ours."""
    words = [_first_word(person), _first_word(business)]
    stem = "-".join(word for word in words if word) or "FINGERPOST"
    if all(words):
        yield stem
    for digits in range(2, 2 + TRIES):
        yield f"{stem}-{10 ** (digits - 1) + secrets.randbelow(9 * 10 ** (digits - 1))}"


def _first_word(name: str) -> str:
    words = re.findall(r"[A-Z0-9]+", re.sub(r"['’.]", "", _plain(name)))
    return next((word for word in words if word not in LITTLE_WORDS), "")[:LONGEST_WORD]
