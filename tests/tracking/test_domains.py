"""A business shows that a domain is its own: by a TXT record, or by a file on the site."""
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.tracking.destinations import domains_shown
from marketplace.tracking.domains import (
    LOOK_AT_DOMAIN,
    MOST,
    NotShown,
    TooManyDomains,
    add_domain,
    check_now,
    look_at_domains,
    look_for_proof,
    note_proof,
    remove_domain,
)
from marketplace.tracking.models import BusinessDomain, DomainProof
from tests import factories as make
from tests.browsing import words_of
from tests.tracking.link_steps import name_server


@pytest.fixture
def westside(app):
    business = make.make_business()
    with transaction():
        return add_domain(business, "westside.example", by=make.owner_of(business))


def owner(domain):
    return make.owner_of(db.session.get_one(make.Business, domain.business_id))


def anew(domain):
    db.session.rollback()
    return db.session.get_one(BusinessDomain, domain.id, populate_existing=True)


@pytest.mark.once
@pytest.mark.parametrize(("said", "kept"), [
    ("Westside.Example", "westside.example"), ("https://www.westside.example/a?b", "www.westside.example"),
    ("bücher.example", "xn--bcher-kva.example"), (" westside.example. ", "westside.example"), ("https://westside.example:443/", "westside.example")])
def test_a_domain_is_kept_in_one_spelling(app, said, kept):
    business = make.make_business()
    wes = make.owner_of(business)
    with transaction():
        domain, again = add_domain(business, said, by=wes), add_domain(business, said, by=wes)
    assert domain.domain == kept and again.id == domain.id


@pytest.mark.once
@pytest.mark.parametrize("said", ["", "localhost", "127.0.0.1", "2130706433", "[::1]", "a b.example", "westside", "x.internal",
                                  "u@westside.example", "westside.example:8080", "https://", "192.0.2.1.", "*.example", "a" * 64 + ".example"])
def test_what_nobody_can_own_is_refused(app, said):
    business = make.make_business()
    with pytest.raises(Invalid), transaction():
        add_domain(business, said, by=make.owner_of(business))


def test_a_text_record_shows_it_with_everything_below_it(westside):
    with pytest.raises(NotShown), name_server({"_fingerpost.westside.example": "fingerpost=another"}):
        check_now(westside, by=owner(westside))
    with name_server({"_fingerpost.westside.example": f"fingerpost={westside.token}"}):
        assert check_now(westside, by=owner(westside)) is DomainProof.DNS
    assert domains_shown(westside.business_id) == [("westside.example", DomainProof.DNS)]
    assert [one.action for one in db.session.scalars(audit.events_about(westside.id))] == ["domain.added", "domain.shown"]


@contextmanager
def site(answers: dict[str, str]) -> Iterator[str]:
    """``answers``: path to text; one that begins with http is a redirect."""
    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            said = answers.get(self.path, "")
            self.send_response(302 if said.startswith("http") else 200 if said else 404)
            self.send_header("Location" if said.startswith("http") else "Content-Type", said if said.startswith("http") else "text/plain")
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_on_the_site_shows_it_and_a_redirect_elsewhere_does_not(app):
    business, answers, path = make.make_business(), {}, "/.well-known/fingerpost.txt"
    with site(answers) as here, site(answers) as other:
        settings = app.extensions["settings"]
        app.extensions["settings"] = replace(settings, fetch_allow=frozenset({here, other}))
        try:
            with transaction():
                domain = add_domain(business, here, by=make.owner_of(business))
            assert look_for_proof(domain.id) is None
            answers["/moved"] = f"fingerpost={domain.token}"
            answers[path] = f"http://{other}/moved"
            assert look_for_proof(domain.id) is None
            answers[path] = f"# ours\nfingerpost={domain.token}\n"
            assert look_for_proof(domain.id) is DomainProof.FILE
        finally:
            app.extensions["settings"] = settings


def test_a_proof_that_is_gone_for_a_week_no_longer_counts_and_comes_back_with_it(westside, later, work):
    record = {"_fingerpost.westside.example": f"fingerpost={westside.token}"}
    with name_server(record):
        check_now(westside, by=owner(westside))
        kept = record.pop("_fingerpost.westside.example")
        for days, shown in ((1, True), (7, False)):
            later(days=days)
            with transaction():
                look_at_domains()
                look_at_domains()
            assert work() == 1
            assert bool(anew(westside).verified_at) is shown
        record["_fingerpost.westside.example"] = kept
        assert check_now(anew(westside), by=owner(westside)) is DomainProof.DNS
    assert LOOK_AT_DOMAIN.settle is note_proof


def test_only_the_businesss_managers_add_check_and_remove_domains(westside, as_user):
    stranger, wes, business_id = make.make_user(), owner(westside), westside.business_id
    for act in (lambda: add_domain(db.session.get_one(make.Business, westside.business_id), "a.example", by=stranger),
                lambda: remove_domain(anew(westside), by=stranger)):
        with pytest.raises(Forbidden), transaction():
            act()
    browser = as_user(wes)
    with name_server({}):
        said = browser.submit(f"/businesses/{westside.business_id}/domains", action=f"/domains/{westside.id}/check", press="Check").text
    assert "We found neither the TXT record nor the file" in said
    page = browser.page(f"/businesses/{westside.business_id}/domains")
    assert f"fingerpost={westside.token}" in words_of(page) and "_fingerpost.westside.example" in words_of(page)
    assert browser.submit(f"/businesses/{westside.business_id}/domains", {"domain": "nonsense"}, press="Add it").status_code == 422
    browser.submit(f"/businesses/{westside.business_id}/domains", action=f"/domains/{westside.id}/removal")
    assert domains_shown(business_id) == []


@pytest.mark.once
def test_a_business_has_so_many_domains_and_no_more(app):
    business = make.make_business()
    wes = make.owner_of(business)
    with transaction():
        for number in range(MOST):
            add_domain(business, f"shop{number}.example", by=wes)
    with pytest.raises(TooManyDomains), transaction():
        add_domain(business, "one-more.example", by=wes)
