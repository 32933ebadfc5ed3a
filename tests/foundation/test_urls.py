"""Addresses: two spellings of one page become one; what is not a web page's address is refused with advice."""
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.foundation.urls import MAX_URL_CHARACTERS, BadUrl, canonical_url, page_key, refuse_private

pytestmark = pytest.mark.once  # No database in here.

SAME_PAGE = [
    ("HTTPS://Blog.Example.ORG/Post", "https://blog.example.org/Post"),
    ("https://blog.example.org:443/post", "https://blog.example.org/post"),
    ("http://blog.example.org:80/post", "http://blog.example.org/post"),
    ("http://blog.example.org:8080/post", "http://blog.example.org:8080/post"),
    ("https://blog.example.org", "https://blog.example.org/"),
    ("https://blog.example.org/a/./b/../c", "https://blog.example.org/a/c"),
    ("https://blog.example.org/caf%c3%a9", "https://blog.example.org/caf%C3%A9"),
    ("https://blog.example.org/café", "https://blog.example.org/caf%C3%A9"),
    ("https://blog.example.org/%7Edavid", "https://blog.example.org/~david"),
    ("https://blog.example.org/post#comments", "https://blog.example.org/post"),
    ("https://blog.example.org/post?utm_source=x&UTM_Medium=y&id=7", "https://blog.example.org/post?id=7"),
    ("https://blog.example.org/post?fbclid=1", "https://blog.example.org/post"),
    ("https://blog.example.org/post?gclid=1&msclkid=2&mc_cid=3&ref=home", "https://blog.example.org/post"),
    ("https://blog.example.org/post?%75tm_source=x", "https://blog.example.org/post"),
    ("https://blog.example.org/post?b=2&a=1", "https://blog.example.org/post?a=1&b=2"),
    ("https://blog.example.org/post?a=2&a=1", "https://blog.example.org/post?a=2&a=1"),
    ("https://blog.example.org/post?amp=1", "https://blog.example.org/post"),
    ("https://m.example.org/post", "https://example.org/post"),
    ("https://amp.example.org/post", "https://example.org/post"),
    ("https://en.m.wikipedia.org/wiki/Car", "https://en.wikipedia.org/wiki/Car"),
    ("https://bücher.example/neu", "https://xn--bcher-kva.example/neu"),
    ("  https://blog.example.org/post\n", "https://blog.example.org/post"),
    ("http://[2001:DB8:0:0::1]/x", "http://[2001:db8::1]/x"),
    # names that only look like a small-screen prefix stay
    ("https://m.co.uk/post", "https://m.co.uk/post"),
    ("https://m.com/post", "https://m.com/post"),
    ("https://amplifiers.example.org/amp", "https://amplifiers.example.org/amp"),
    ("https://www.m.example/", "https://www.m.example/"),
    ("https://blog.example.org/post?refund=1&amplifier=2", "https://blog.example.org/post?amplifier=2&refund=1"),
]

REFUSED = [
    "", "   ", "blog.example.org/post", "www.example.org", "example.org:8080/x", "ftp://example.org/x", "file:///etc/passwd",
    "javascript:alert(1)", "data:text/html,hi", "mailto:david@example.org", "//example.org/x", "https://", "https:///path",
    "https://:443/", "https://?q", "https://david:secret@example.org/", "https://example.org@127.0.0.1/",
    "https://example.org:0/", "https://example.org:99999/", "https://example.org:http/", "https://exa mple.org/",
    "https://example.org/a b", "https://example.org\\@evil.example/", "https://example.org/\x00", "https://exam\nple.org/",
    "https://[::1", "https://[zz::1]/", "https://[fe80::1%25eth0]/", "https://a..b/", "https://.example.org/",
    "https://" + "a" * 64 + ".example/", "https://example.org/" + "x" * MAX_URL_CHARACTERS, "https://ex%61mple.org/",
    "https://example.org/" + "é" * 1500,
]  # fmt: skip


@pytest.mark.parametrize(("given_url", "canonical"), SAME_PAGE)
def test_spellings_of_one_page_become_one(given_url: str, canonical: str) -> None:
    assert canonical_url(given_url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_web_address_is_refused_with_advice(url: str) -> None:
    with pytest.raises(BadUrl) as refusal:
        canonical_url(url)
    assert refusal.value.status == 422
    assert refusal.value.message.endswith(".") and refusal.value.next_step.endswith(".")


def test_scheme_www_and_closing_slash_do_not_make_a_second_page() -> None:
    forms = ["http://example.org/post", "https://www.example.org/post/", "https://m.example.org/post?utm_source=mail"]
    assert {page_key(form) for form in forms} == {"example.org/post"}
    assert page_key("https://example.org") == "example.org/"
    assert page_key("https://example.org/post?id=2") != page_key("https://example.org/post?id=3")


_label = st.from_regex(r"[a-zA-Z0-9]{1,8}", fullmatch=True) | st.sampled_from(["m", "amp", "www", "co", "uk", "com", "bücher"])
_letters = st.characters(exclude_categories=["Z", "C"], exclude_characters="\\")
_urls = st.builds(
    "{}://{}.example{}/{}?{}#{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.lists(_label, min_size=1, max_size=5).map(".".join),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.text(_letters, max_size=20) | st.sampled_from(["a/../b", "//", "%2e%2e/x", "%zz", "%E9", "a%2Fb"]),
    st.lists(st.text(_letters, max_size=8) | st.sampled_from(["utm_x=1", "ref=2", "a=1", "%61=2", "amp=1"]), max_size=5).map("&".join),
    st.text(_letters, max_size=6),
)


@given(_urls)
def test_a_canonical_address_is_its_own_canonical_address(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once and once.isascii()


@given(st.text(max_size=40) | st.text(max_size=40).map("https://".__add__))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    with suppress(BadUrl):
        assert page_key(canonical_url(text)) == page_key(text)


@pytest.mark.parametrize("address", [
    "http://localhost/", "http://LOCALHOST:8080/", "https://blog.localhost/", "http://localhost./", "http://127.0.0.1/", "http://127.1/",
    "http://2130706433/", "http://0x7f.0.0.1/", "http://10.1.2.3/", "http://192.168.0.1/", "http://169.254.169.254/latest", "http://[::1]/",
    "http://[fe80::1]/", "http://printer.local/", "http://0.0.0.0/"])
def test_an_address_that_says_that_it_is_private_is_refused_without_a_look(address):
    with pytest.raises(BadUrl, match="not on the public web"):
        refuse_private(address)


@pytest.mark.parametrize("address", [
    "https://david.example/car", "https://93.184.216.34/", "https://[2606:4700:4700::1111]/", "https://localhost.example.com/", "https://1.example/"])
def test_every_other_address_may_be_tried(address):
    refuse_private(address)


def test_development_names_what_is_allowed_with_its_port():
    allow = frozenset({"localhost:5000", "127.0.0.1:80"})
    refuse_private("http://localhost:5000/dev/blog", allow=allow)
    refuse_private("http://127.0.0.1/", allow=allow)
    with pytest.raises(BadUrl):
        refuse_private("http://localhost:5001/", allow=allow)
