"""Whose the sites are that links lead to: a business shows it by a TXT record, or by a file on the site.

The record speaks for the domain and everything below it, the file for its own site alone. It is looked for again every
day; gone for a week, links no longer lead straight there.
"""
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
from flask import current_app
from sqlalchemy import select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, finish_reading
from marketplace.foundation.errors import Conflict, Invalid, NotFound, require
from marketplace.foundation.fetch import FetchFailed, fetch
from marketplace.foundation.outbox import Errand
from marketplace.foundation.urls import BadUrl, refuse_private, split_web_url
from marketplace.identity.models import Business, User
from marketplace.tracking.models import BusinessDomain, DomainProof
from marketplace.tracking.permissions import may_lead_links

RECORD = "_fingerpost"  # Of the domain: _fingerpost.westside.example TXT "fingerpost=..."
FILE = "/.well-known/fingerpost.txt"
MOST = 20  # Of one business.
DNS_SECONDS = 5.0
GONE_AFTER = timedelta(days=7)


class TooManyDomains(Conflict):
    code = "too_many_domains"


class NotShown(Conflict):
    code = "domain_not_shown"


def add_domain(business: Business, said: str, *, by: User) -> BusinessDomain:
    """One that they say is theirs; the same twice is the same. Invalid (422), TooManyDomains (409)."""
    require(may_lead_links(by, business.id), "add a domain of this business")
    domain = domain_in(said)
    mine = domains_of(business.id)
    if found := next((one for one in mine if one.domain == domain), None):
        return found
    if len(mine) >= MOST:
        raise TooManyDomains(f"A business has at most {MOST} domains here.",
                             next_step="Remove one that you no longer use.")
    added = BusinessDomain(business_id=business.id, domain=domain, token=secrets.token_hex(16), added_by=by.id)
    db.session.add(added)
    db.session.flush()
    audit.record("domain.added", added.id, by=by.id, business_id=business.id, domain=domain)
    return added


def remove_domain(domain: BusinessDomain, *, by: User) -> None:
    """Links that lead there get a page of ours between, within 5 seconds."""
    require(may_lead_links(by, domain.business_id), "remove a domain of this business")
    audit.record("domain.removed", domain.id, by=by.id, business_id=domain.business_id, domain=domain.domain)
    db.session.delete(domain)


def domains_of(business_id: str) -> list[BusinessDomain]:
    return list(db.session.scalars(select(BusinessDomain).where(
        BusinessDomain.business_id == business_id).order_by(BusinessDomain.id)))


def get_domain(domain_id: str, *, seen_by: User) -> BusinessDomain:
    found = db.session.get(BusinessDomain, domain_id)
    if found is None or not (seen_by.is_admin or may_lead_links(seen_by, found.business_id)):
        raise NotFound("There is no such domain.", next_step="See the domains of your business.")
    return found


def domain_in(said: str) -> str:
    """The host of what was typed: ``westside.example`` or a whole address. Invalid for what nobody can own."""
    said = said.strip()
    try:
        parts = split_web_url(said if "//" in said else f"https://{said}")
        if parts.netloc in _allowed():
            return parts.netloc
        refuse_private(f"https://{parts.netloc}")
        host = (parts.hostname or "").rstrip(".")
        if parts.port not in {None, 80, 443} or "." not in host or host.rpartition(".")[2].isdigit() or ":" in host:
            raise BadUrl("This is not the name of a site.")
    except BadUrl as refusal:
        step = "Write the domain alone, like westside.example."
        raise Invalid(refusal.message, next_step=step, fields={"domain": [f"{refusal.message} {step}"]}) from None
    return host


def look_for_proof(domain_id: str) -> DomainProof | None:
    """Asks the name servers, then the site. Waits for strangers: outside a transaction."""
    domain = db.session.get_one(BusinessDomain, domain_id)
    name, said = domain.domain, f"fingerpost={domain.token}"
    finish_reading()
    if said in _texts_of(name):
        return DomainProof.DNS
    return DomainProof.FILE if _is_in_file(name, said) else None


def note_proof(proof: DomainProof | None, domain_id: str) -> None:
    domain = db.session.get(BusinessDomain, domain_id, with_for_update=True)
    if domain is None:
        return
    now = clock.now()
    if proof:
        if domain.proof is not proof:
            audit.record("domain.shown", domain.id, by=audit.SYSTEM, domain=domain.domain, proof=proof.value)
            domain.verified_at, domain.proof = now, proof
        domain.last_seen_at = now
    elif domain.last_seen_at and now - domain.last_seen_at > GONE_AFTER and domain.verified_at:
        audit.record("domain.lost", domain.id, by=audit.SYSTEM, domain=domain.domain)
        domain.verified_at = domain.proof = None


LOOK_AT_DOMAIN = Errand(look_for_proof, note_proof)


def check_now(domain: BusinessDomain, *, by: User) -> DomainProof:
    """For a person who waits. Opens its own transaction. NotShown (409) says what was looked for."""
    require(may_lead_links(by, domain.business_id), "check a domain of this business")
    domain_id, name = domain.id, domain.domain
    outbox.do_now(LOOK_AT_DOMAIN, domain_id=domain_id)
    proof = db.session.get_one(BusinessDomain, domain_id, populate_existing=True).proof
    if proof is None:
        raise NotShown(f"We found neither the TXT record nor the file of {name}.",
                       next_step="A new record can take an hour until everybody sees it. Check again then.")
    return proof


def look_at_domains() -> None:
    """Job, daily: each that was shown is looked at again."""
    day = clock.now().date()
    for domain_id in db.session.scalars(select(BusinessDomain.id).where(BusinessDomain.verified_at.is_not(None))):
        outbox.promise("look_at_domain", key=f"domain:{domain_id}:{day}", domain_id=domain_id)


def _texts_of(name: str) -> set[str]:
    """What the TXT records of the domain say; none when it has none, or nobody answers in time."""
    if ":" in name or name in _allowed():
        return set()
    try:
        answer = dns.resolver.resolve(f"{RECORD}.{name}.", "TXT", lifetime=DNS_SECONDS)
    except (dns.exception.DNSException, OSError):
        return set()
    return {b"".join(record.strings).decode("utf-8", "replace").strip() for record in answer}


def _is_in_file(name: str, said: str) -> bool:
    """On that very site: a redirect to another one shows nothing."""
    scheme = "http" if name in _allowed() else "https"
    try:
        page = fetch(f"{scheme}://{name}{FILE}", allow=_allowed())
    except FetchFailed:
        return False
    there = urlsplit(page.final_url)
    return there.netloc == name and there.scheme == scheme and said in page.text.split()


def _allowed() -> frozenset[str]:
    """``host:port`` of development, which needs no TLS."""
    found: frozenset[str] = current_app.extensions["settings"].fetch_allow
    return found
