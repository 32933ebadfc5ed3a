"""Reading a page: who wrote it, when, what it says; and whether the quoted sentence is really there."""
import hashlib
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.foundation import clock
from marketplace.foundation.quotes import AROUND_CHARACTERS, find_quote
from marketplace.foundation.reading import PageReading, read_page

pytestmark = pytest.mark.once  # No database in here.

BLOG = """<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><title>In the market for a car – David’s notebook</title>
<meta property="og:title" content="In the market for a car"><meta name="author" content="David Miller">
<meta property="article:published_time" content="2026-11-12T08:15:00+00:00">
<link rel="stylesheet" href="/s.css"><link rel="canonical" href="/2026/11/car?utm_source=self">
<script>window.tracker = "do not read me";</script><style>p { color: red }</style></head>
<body><header><a href="/">David’s notebook</a></header><nav><ul><li><a href="/about">About</a></li><li><a href="/archive">Archive</a></li></ul></nav>
<main><article><h1>In the market for a car</h1><p class="byline">By David Miller, 12 November 2026</p>
<p>Our old estate has finally given up, somewhere between the school run and the tip. The garage was kind about it, but the answer was no.</p>
<p>So: <em>I’m in the market for a car</em> — seven seats if I can get them, a hybrid if the sums work, and nothing over £18,000.</p>
<p>I would rather buy from somebody whom a person I know has bought from. If you trust a dealer near Leeds, please tell me.</p>
<script>alert("read me not")</script>
<ul><li>seven seats</li><li>a tow bar</li><li>under 60,000 miles</li></ul></article></main>
<footer><p>© 2026 David Miller. Cookies are only eaten here.</p></footer></body></html>"""

FORUM = """<html lang="en"><head><title>Recommendations for a solar installer? - Homeowners Forum</title></head>
<body><div class="breadcrumb"><a href="/">Forum</a> &gt; <a href="/energy">Energy</a></div>
<div class="thread"><h1>Recommendations for a solar installer?</h1>
<div class="post"><div class="author">Maria_K</div><time datetime="2026-10-30T18:02:00Z">30 October 2026</time>
<div class="content"><p>We have a south facing roof of about 40 square metres and would like panels with a battery before the spring. Budget is around 15k.</p>
<p>Can anybody recommend an installer who answers the phone?</p></div></div>
<div class="post"><div class="author">roofer77</div><time datetime="2026-10-31T07:40:00Z">31 October 2026</time>
<div class="content"><p>We used a small family firm two years ago and would use them again tomorrow. They finished in three days.</p></div></div>
<div class="post"><div class="author">Maria_K</div><time datetime="2026-10-31T09:12:00Z">31 October 2026</time>
<div class="content"><p>That sounds good, could you point them at me? I want to sign with somebody this month.</p></div></div></div></body></html>"""

LISTING = """<html lang="en-US"><head><title>Wanted: two-bedroom flat near the park | Wanted ads</title></head><body>
<h1>Wanted: two-bedroom flat near the park</h1><table><tr><th>Budget</th><td>$2,400 a month</td></tr><tr><th>Move in</th><td>1 February</td></tr>
<tr><th>Pets</th><td>One old cat</td></tr></table><p>Couple with steady jobs looking for a two-bedroom flat within walking distance of the park. References at hand.</p></body></html>"""

SPANISH = """<html lang="es"><head><title>Busco coche de segunda mano</title><meta name="author" content="Lucía Ñúñez">
<meta property="article:published_time" content="2026-11-02"></head><body><article><h1>Busco coche de segunda mano</h1>
<p>Llevo semanas mirando anuncios y por fin me he decidido: «busco un coche familiar de segunda mano», de menos de 18.000 €.</p>
<p>¿Alguien conoce un concesionario de confianza en Málaga? Mañana mismo iría a verlo.</p></article></body></html>"""

GERMAN = """<html lang="de-DE"><head><title>Küche gesucht</title><meta name="date" content="2026-09-15"></head><body><article><h1>Küche gesucht</h1>
<p>Nach dem Umzug fehlt uns noch die Küche. Wir suchen ein Küchenstudio, das Maßarbeit kann und „Größe“ nicht mit „Preis“ verwechselt.</p>
<p>Wer hat gute Erfahrungen in Nürnberg gemacht? Wir möchten bis Weihnachten bestellen.</p></article></body></html>"""

URL = "https://blog.example/2026/11/car"


@pytest.fixture(autouse=True)
def _late_november() -> Iterator[None]:
    clock.use(lambda: datetime(2026, 11, 22, 9, 30, tzinfo=UTC))
    yield
    clock.use(clock.system_time)


def test_a_blog_post_tells_who_when_and_what() -> None:
    page = read_page(BLOG, URL)
    assert (page.title, page.author, page.published_on, page.language) == ("In the market for a car", "David Miller", date(2026, 11, 12), "en")
    assert page.canonical_url == URL
    assert "seven seats if I can get them" in page.text and "under 60,000 miles" in page.text
    assert not any(word in page.text for word in ("do not read me", "read me not", "alert", "color: red", "<p>", "Archive"))
    assert page.sha256 == hashlib.sha256(page.text.encode()).hexdigest()


def test_every_post_of_a_thread_is_read() -> None:
    page = read_page(FORUM, "https://forum.example/t/811")
    assert page.title.startswith("Recommendations for a solar installer?")
    for sentence in ("would like panels with a battery before the spring", "would use them again tomorrow", "could you point them at me?"):
        assert find_quote(page.text, sentence).found
    assert page.canonical_url is None


def test_the_table_of_a_listing_is_read() -> None:
    page = read_page(LISTING, "https://ads.example/w/5")
    assert page.title.startswith("Wanted: two-bedroom flat near the park") and page.language == "en"
    for sentence in ("$2,400 a month", "One old cat", "within walking distance of the park"):
        assert find_quote(page.text, sentence).found


@pytest.mark.parametrize(
    ("html", "language", "author", "day", "quote"),
    [
        (SPANISH, "es", "Lucía Ñúñez", date(2026, 11, 2), "¿Alguien conoce un concesionario de confianza en Málaga?"),
        (SPANISH, "es", "Lucía Ñúñez", date(2026, 11, 2), '"BUSCO UN COCHE FAMILIAR"'),
        (GERMAN, "de", "", date(2026, 9, 15), 'das Maßarbeit kann und "Größe" nicht mit "Preis" verwechselt'),
        (GERMAN, "de", "", date(2026, 9, 15), "ein KÜCHENSTUDIO, das MASSARBEIT kann"),
    ],
)
def test_other_languages_are_read_letter_by_letter(html: str, language: str, author: str, day: date, quote: str) -> None:
    page = read_page(html, "https://blog.example/post")
    assert (page.language, page.author, page.published_on) == (language, author, day)
    assert find_quote(page.text, quote).found


WORDS = "<p>The transmission has given up for good, and the workshop shook its head.</p><p>I am in the market for a car, near Denver.</p>"


@pytest.mark.parametrize("page", [
    f"""<html lang="en"><body><article itemscope itemtype="https://schema.org/DiscussionForumPosting"><h1 itemprop="headline">Goodbye, wagon</h1>
    <span itemprop="author" itemscope itemtype="https://schema.org/Person"><span itemprop="name">David Brandt</span></span>
    <time itemprop="datePublished" datetime="2026-10-31T07:00:00Z">yesterday</time><div itemprop="articleBody">{WORDS}</div></article></body></html>""",
    f"""<html lang="en"><body><article class="h-entry"><h1 class="p-name">Goodbye, wagon</h1><a class="p-author h-card" rel="author" href="/">David Brandt</a>
    <time class="dt-published" datetime="2026-10-31">yesterday</time><div class="e-content">{WORDS}</div></article></body></html>""",
    f"""<html lang="en"><head><script type="application/ld+json">{{"@context": "https://schema.org", "@type": "BlogPosting", "headline": "Goodbye, wagon",
    "author": {{"@type": "Person", "name": "David Brandt"}}, "datePublished": "2026-10-31"}}</script></head><body><main>{WORDS}</main></body></html>""",
], ids=["microdata", "microformats", "JSON-LD"])
def test_what_a_page_says_of_itself_to_machines_is_read(page: str) -> None:
    reading = read_page(page, URL)
    assert (reading.title, reading.author, reading.published_on) == ("Goodbye, wagon", "David Brandt", date(2026, 10, 31))
    assert find_quote(reading.text, "I am in the market for a car, near Denver").found


THREAD = """<html lang="en"><head><title>Solar installer? - Homes Forum</title>{}</head><body><h1>Solar installer?</h1>
<div class="byline author">Moderator Team</div><p>We have a south facing roof of about 40 square metres and would like panels before the spring.</p>{}</body></html>"""
OPENING = ('"@type": "DiscussionForumPosting", "headline": "Solar installer?", "url": "https://blog.example/2026/11/car", '
           '"author": {"@type": "Person", "name": "Maria_K"}, "datePublished": "2026-10-30T18:02:00Z"')
ANSWER = '"@type": "Comment", "author": {"@type": "Person", "name": "roofer77"}, "datePublished": "2026-11-01"'


@pytest.mark.parametrize("told", [
    f'{{"@context": "https://schema.org", {OPENING}, "comment": [{{{ANSWER}}}]}}',
    f'{{"@context": "https://schema.org", "@type": "WebPage", "mainEntity": {{{OPENING}}}}}',
    f'[{{"@graph": [{{"@type": "Organization", "name": "Homes"}}, {{{OPENING}}}]}}]',
    f'[{{{OPENING}}}, {{{OPENING.replace("Maria_K", "Tom").replace("/car", "/boat")}}}]',
    f'{{"@type": "QAPage", "mainEntity": {{{OPENING.replace("DiscussionForumPosting", "Question")}, "suggestedAnswer": [{{{ANSWER}}}]}}}}',
], ids=["posting", "main entity", "graph", "one of two", "question"])
def test_who_opened_a_thread_is_read_and_no_answer(told: str) -> None:
    page = read_page(THREAD.replace("{}", f'<script type="application/ld+json">{told}</script>', 1).replace("{}", ""), URL)
    assert (page.author, page.published_on) == ("Maria_K", date(2026, 10, 30))


def test_who_opened_a_thread_is_read_from_its_attributes() -> None:
    said = """<div itemscope itemtype="https://schema.org/DiscussionForumPosting"><span itemprop="author" itemscope itemtype="https://schema.org/Person"><a itemprop="url" href="/u/7">
    <span itemprop="name">Maria_K</span></a></span><time itemprop="datePublished" datetime="2026-10-30T18:02:00Z">30 October</time>
    <div itemprop="comment" itemscope itemtype="https://schema.org/DiscussionForumPosting"><span itemprop="author">roofer77</span><!-- x --></div></div>"""
    page = read_page(THREAD.replace("{}", "", 1).replace("{}", said), URL)
    assert (page.author, page.published_on) == ("Maria_K", date(2026, 10, 30))


@pytest.mark.parametrize("told", [
    f'[{{{OPENING.replace("/car", "/a")}}}, {{{OPENING.replace("/car", "/b")}}}]', "{", "[[[[[[[[]]]]]]]]", "null", '{"@type": 7, "@graph": "x"}',
    f'{{{OPENING.replace("Person", "Organization")}}}', f'{{{OPENING.replace("Maria_K", "https://spam.example")}}}',
    f'{{{OPENING.replace("Maria_K", "guest")}}}'])
def test_a_list_of_threads_or_a_firm_wrote_no_post(told: str) -> None:
    page = read_page(THREAD.replace("{}", f'<script type="application/ld+json">{told}</script>', 1).replace("{}", ""), URL)
    assert page.author not in {"Maria_K", "guest"} and "spam" not in page.author


@pytest.mark.parametrize(("meta", "author"), [
    ('<meta name="author" content="Lucía">', "Lucía"), ('<meta name="author" content="admin">', ""),
    ('<meta name="author" content="Homes"><meta property="og:site_name" content="homes">', ""), ('<meta name="author" content="m@blog.example">', "")])
def test_one_name_is_a_name(meta: str, author: str) -> None:
    assert read_page(f"<html><head><title>Car</title>{meta}</head><body><p>I want a car</p></body></html>", URL).author == author


@pytest.mark.parametrize(("link", "feed"), [
    ('<link rel="alternate" type="application/rss+xml" href="/feed">', "https://blog.example/feed"),
    ('<link rel="ALTERNATE home" type="application/atom+xml; charset=utf-8" href="https://www.blog.example/atom">', "https://www.blog.example/atom"),
    ('<link rel="alternate" type="application/rss+xml" title="Comments" href="/c"><link rel="alternate" type="application/feed+json" href="f.json">', "https://blog.example/2026/11/f.json"),
    ('<link rel="alternate" type="application/json" href="/wp-json/7">', None), ('<link rel="alternate" hreflang="de" href="/de">', None),
    ('<link rel="alternate" type="application/rss+xml" href="https://other.example/feed">', None),
    ('<link rel="alternate" type="application/rss+xml" href="http://blog.example/feed">', None),
])
def test_the_feed_of_its_own_site_is_found(link: str, feed: str | None) -> None:
    assert read_page(f"<html><head>{link}</head><body><p>I want a car</p></body></html>", URL).feed_url == feed


def test_a_short_post_is_read_though_it_has_no_article() -> None:
    page = read_page("<html><body><div>Anyone selling a <b>cargo bike</b>?</div><script>x()</script></body></html>", URL)
    assert find_quote(page.text, "Anyone selling a cargo bike?").found
    assert "x()" not in page.text


def test_a_page_of_plain_text_is_taken_as_it_is() -> None:
    page = read_page("Looking for a plumber,\n\n\n\nnot more than 2 < 3 days away.\x00\x1b[0m \n", "https://paste.example/1.txt")
    assert page.text == "Looking for a plumber,\n\nnot more than 2 < 3 days away.[0m"
    assert (page.title, page.author, page.published_on, page.language) == ("", "", None, None)


@pytest.mark.parametrize(
    "html",
    ["", "   \n", "<html></html>", "<html><head><title></title></head></html>", "<html><body></body></html>", "<!doctype html>", "<!-- only a comment -->",
     "<html><body><script>alert('x')</script></body></html>", "<script>alert(1)</script>", "<html><body><style>a{}</style><noscript></noscript></body></html>",
     "<", "<?xml version='1.0' encoding='utf-16'?>", "<frameset><frame src='/x'></frameset>", "\ufeff"],
)  # fmt: skip
def test_a_page_without_text_is_empty_and_no_error(html: str) -> None:
    page = read_page(html, URL)
    assert page.text in ("", "<") and page.canonical_url is None
    assert page.sha256 == hashlib.sha256(page.text.encode()).hexdigest()


@pytest.mark.parametrize(
    "html",
    ["<p>I want a car" * 3, "<html><body><p>I want a car</div></span></p", "<table><p>I want a car<td></p>", "<b><i>I want a car</b></i>", "<HTML><BODY><P>I want a car",
     "<?xml version='1.0' encoding='utf-8'?><html xmlns='http://www.w3.org/1999/xhtml'><body><p>I want a car</p></body></html>",
     "<html><body>I want \x00 a car\x0b</body></html>", "<meta charset=utf-16><p>I want a car</p>", "<div>" * 3000 + "I want a car"],
)  # fmt: skip
def test_a_broken_page_is_read_as_far_as_it_goes(html: str) -> None:
    page = read_page(html, URL)
    assert find_quote(page.text, "I want a car").found or html.startswith("<div><div>")
    assert "\0" not in page.text


def test_markup_written_as_text_stays_text() -> None:
    page = read_page("<html><body><article><p>He wrote &lt;script&gt;alert(1)&lt;/script&gt; and that he wants a car.</p></article></body></html>", URL)
    assert "<script>alert(1)</script>" in page.text


@pytest.mark.parametrize(
    ("href", "canonical"),
    [
        ("https://www.blog.example/2026/11/car/", "https://www.blog.example/2026/11/car/"),
        ("car-7?b=2&a=1&utm_medium=x#top", "https://blog.example/2026/11/car-7?a=1&b=2"),
        ("https://victim.example/post", None),
        ("https://blog.example.evil.example/2026/11/car", None),
        ("https://blog.example@evil.example/", None),
        ("/", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("", "https://blog.example/2026/11/car"),
    ],
)
def test_a_page_may_name_its_own_address_on_its_own_site_only(href: str, canonical: str | None) -> None:
    html = f'<html><head><link rel="canonical" href="{href}"></head><body><p>I want a car</p></body></html>'
    assert read_page(html, URL).canonical_url == canonical


def test_a_day_that_cannot_be_is_no_day() -> None:
    page = '<html><head><meta property="article:published_time" content="{}"></head><body><p>I want a car</p></body></html>'
    assert read_page(page.format("2026-01-31"), URL.replace("/2026/11", "")).published_on == date(2026, 1, 31)
    assert read_page(page.format("2031-01-01"), URL.replace("/2026/11", "")).published_on is None
    assert read_page(page.format("soon"), URL.replace("/2026/11", "")).published_on is None


@pytest.mark.parametrize("sentences", [1_000, 20_000])
def test_a_large_page_is_read_to_its_end(sentences: int) -> None:
    many = "<p>" + "</p><p>".join(f"Sentence number {n} of a very long thread about cars." for n in range(sentences)) + "</p>"
    page = read_page(f"<html lang=en><head><title>Cars</title></head><body><article>{many}</article></body></html>", URL)
    assert (page.title, page.language) == ("Cars", "en")
    assert find_quote(page.text, f"sentence number {sentences - 1} of a very long thread").found


@pytest.mark.parametrize("page", [
    "<div>" * 100_000 + "I want a car",
    "<p>I want a car" + "<b><i>" * 60_000,
    f"<p title='{'x' * 1_500_000}'>I want a car</p>",
    "<p>" + "&amp;" * 90_000 + " I want a car",
    '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><p>I want a car &b;' + "&b;" * 20_000,
    "<table>" + "<tr><td>" * 9_000 + "I want a car",
    "<p>I want a car</p>" + "<!--" * 200_000,
    "<script>" + "var a=1;" * 30_000 + "</script><p>I want a car</p>",
], ids=["deep", "unclosed", "attribute", "entities", "doctype", "cells", "comments", "script"])
def test_a_page_made_to_be_heavy_is_read_in_bounded_time(page: str) -> None:
    begun = time.process_time()
    assert len(read_page(page, URL).text) <= len(page)
    assert time.process_time() - begun < 5


def test_a_page_made_to_be_slow_to_read_is_not_searched_for_its_main_part(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr("trafilatura.bare_extraction", lambda html, **_: searched.append(html))
    page = read_page("<div class='post comment author byline date'>I want a car</div>" * 20_000, URL)
    assert find_quote(page.text, "I want a car").found
    assert searched == []


@given(st.text(max_size=200), st.sampled_from(["{}", "<p>{}</p>", "<html lang='{}'><body>{}", "<meta name=author content='{}'>x", "<a href='{}'>{}</a>", "<!--{}", "<![CDATA[{}", "&#{};"]))
def test_nothing_a_page_holds_makes_reading_fail(text: str, frame: str) -> None:
    page = read_page(frame.replace("{}", text), URL)
    assert isinstance(page, PageReading)
    assert "\0" not in page.text + page.title + page.author
    page.text.encode()


TEXT = "Our car gave up.\nSo: I’m  in the market\u00a0for a “seven-seat” car — under £18,000… Please tell me."


@pytest.mark.parametrize(
    "quote",
    ["I’m in the market for a “seven-seat” car", "I'm in the market for a 'seven-seat' car", "i'm IN the\n market  for a", '"So: I\'m in the market"', "“…in the market for a…”",
     "«seven–seat»", "car - under £18,000", "car--under £18,000", "car—under £18,000...", "- under £18,000", "Our car gave up. So: I'm", "seven\u00adseat".replace("\u00ad", "\u2011"),
     "mar\u00adket", "Please tell me", "  Our car  ", "a “ seven-seat ” car", "gave up ."],
)  # fmt: skip
def test_a_quote_is_found_however_it_was_copied(quote: str) -> None:
    assert find_quote(TEXT, quote).found


@pytest.mark.parametrize("quote", ["", "   ", "“”", "...", "—", "I am in the market", "in the market for two", "caravan", "giveup", "inthe market", "under £18.000", "car under"])
def test_what_was_not_said_is_not_found(quote: str) -> None:
    match = find_quote(TEXT, quote)
    assert (match.found, match.prefix, match.suffix) == (False, "", "")


def test_composed_and_decomposed_letters_are_the_same_letters() -> None:
    text = "Wir möchten ein Café eröffnen."
    for form in ("NFC", "NFD", "NFKC"):
        assert find_quote(text, unicodedata.normalize(form, "möchten ein Café")).found
        assert find_quote(unicodedata.normalize(form, text), "ein Café eröffnen").found


def test_what_stands_around_a_quote_is_kept_in_whole_words() -> None:
    match = find_quote(TEXT, "i'm in the market")
    assert match.prefix == "Our car gave up. So:"
    assert match.suffix == "for a “seven-seat” car — under £18,000… Please tell me."
    long = "word " * 50 + "NEEDLE" + " other" * 50
    match = find_quote(long, "needle")
    assert match.prefix == ("word " * 12).strip() and match.suffix == ("other " * 10).strip()
    assert find_quote("NEEDLE", "needle").prefix == find_quote("NEEDLE", "needle").suffix == ""


@given(st.text(), st.text(alphabet=st.characters(categories=["L"]), min_size=3), st.text())
def test_a_sentence_is_always_found_in_a_text_that_has_it(before: str, sentence: str, after: str) -> None:
    match = find_quote(f"{before} {sentence} {after}", sentence)
    assert match.found
    assert len(match.prefix) <= AROUND_CHARACTERS and len(match.suffix) <= AROUND_CHARACTERS
