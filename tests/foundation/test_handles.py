"""Whose post it is, as the address says it: one spelling for one account, and no guess where it names nobody."""
import pytest

from marketplace.foundation.handles import find_handle

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("handle", "addresses"), [
    ("reddit:dave_b", ["https://www.reddit.com/user/Dave_B/comments/1/x/", "https://old.reddit.com/u/dave_b"]),
    ("x:dave", ["https://twitter.com/Dave/status/12?s=20", "https://x.com/dave", "https://mobile.twitter.com/@DAVE"]),
    ("fediverse:dave@hachyderm.io", ["https://hachyderm.io/@Dave/1123", "https://mastodon.social/@dave@hachyderm.io/1"]),
    ("instagram:dave.b", ["https://www.instagram.com/dave.b/p/Cx", "https://instagram.com/stories/dave.b/1"]),
    ("facebook:dave.brandt", ["https://m.facebook.com/dave.brandt/posts/1"]),
    ("facebook:100", ["https://facebook.com/profile.php?id=100", "https://www.facebook.com/people/Dave-B/100/"]),
    ("linkedin:david-brandt", ["https://linkedin.com/in/David-Brandt", "https://www.linkedin.com/posts/david-brandt_a-7"]),
    ("youtube:dave", ["https://youtube.com/@Dave/community"]),
    ("github:dave", ["https://github.com/dave", "https://gist.github.com/dave/0a1b"]),
    ("tiktok:dave", ["https://www.tiktok.com/@dave/video/1"]),
    ("bluesky:dave.bsky.social", ["https://bsky.app/profile/dave.bsky.social/post/3k"]),
    ("blogspot.com:davesblog", ["https://davesblog.blogspot.com/2026/11/car.html"]),
    ("substack.com:dave", ["https://dave.substack.com/p/car"]),
    ("forum.example:dave.12", ["https://forum.example/members/dave.12/", "https://www.forum.example/members/Dave.12"]),
])
def test_one_account_has_one_spelling(handle, addresses):
    assert {find_handle(address) for address in addresses} == {handle}


@pytest.mark.parametrize("address", [
    "https://david.example/2026/car", "https://x.com/i/web/status/1", "https://x.com/search?q=car",
    "https://www.instagram.com/p/Cxyz/", "https://facebook.com/groups/123/posts/1", "https://youtube.com/watch?v=1",
    "https://github.com/dave/repo/issues/1", "https://reddit.com/r/cars/comments/1/x", "https://www.blogspot.com/", "no address",
])
def test_an_address_that_names_nobody_is_not_guessed_at(address):
    assert find_handle(address) is None


def test_the_page_itself_is_believed_only_where_an_author_is_an_account():
    assert find_handle("https://old.reddit.com/r/cars/comments/1/x", "u/Dave_B") == "reddit:dave_b"
    assert find_handle("https://reddit.com/r/cars/comments/1/x", "David Brandt") is None
    assert find_handle("https://david.example/2026/car", "dave") is None
