"""A bounty with a link, browsers that follow it, and a name server of our own."""
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset
from flask import Flask
from werkzeug.test import TestResponse

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db, transaction
from marketplace.identity.models import Business, User
from marketplace.tracking.domains import add_domain, note_proof
from marketplace.tracking.in_front import redirects_of
from marketplace.tracking.links import link_of
from marketplace.tracking.models import DomainProof, ReferralLink
from tests import factories as make
from tests.browsing import Browser

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
SHOP = "https://westside.example/cars"


def make_link(bounty: Bounty | None = None, *, by: User | None = None) -> ReferralLink:
    bounty, by = bounty or make.make_bounty(is_live=True), by or make.make_user()
    with transaction():
        return link_of(bounty, by=by)


def follow(browser: Browser, link: ReferralLink | str, query: str = "", **headers: str) -> TestResponse:
    """As a person's browser would, from an address of the open internet."""
    code = link if isinstance(link, str) else link.code
    sent = {"User-Agent": FIREFOX} | {name.replace("_", "-"): value for name, value in headers.items()}
    if cookie := sent.pop("Cookie", ""):
        browser.set_cookie("fp_click", cookie)
    return browser.get(f"/r/{code}{query}", headers=sent, environ_overrides={"REMOTE_ADDR": "203.0.113.7"})


def show_domain(business: Business, domain: str = "westside.example", proof: DomainProof = DomainProof.DNS) -> None:
    """As if its TXT record, or its file, had been found."""
    with transaction():
        added = add_domain(business, domain, by=make.owner_of(business))
    with transaction():
        note_proof(proof, added.id)


def ask_anew(app: Flask) -> None:
    """What this process knew of links is older than five seconds."""
    for known in redirects_of(app).ways._known.values():
        known.until = 0


@contextmanager
def name_server(records: dict[str, str]) -> Iterator[None]:
    """TXT records by name; everything else does not exist. dnspython asks it and nobody else."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            asked, address = server.recvfrom(4096)
            if asked == b"stop":
                return
            answer = dns.message.make_response(question := dns.message.from_wire(asked))
            said = records.get(question.question[0].name.to_text(omit_final_dot=True))
            if said is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", f'"{said}"'))
            server.sendto(answer.to_wire(), address)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    resolver: Any = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.getsockname()[1]
    before, dns.resolver.default_resolver = dns.resolver.default_resolver, resolver
    try:
        yield
    finally:
        dns.resolver.default_resolver = before
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"stop", server.getsockname())
        thread.join(timeout=5)
        server.close()
        db.session.rollback()
