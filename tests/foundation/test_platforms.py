"""A post on a large platform is known by its address alone: platform, account, number, and who may read it."""
import pytest

from marketplace.foundation.platforms import recognise, why_closed

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("address", "platform", "post_id", "handle", "is_closed"), [
    ("https://old.reddit.com/r/cars/comments/1abcde/need_a_car/", "reddit", "1abcde", None, False),
    ("https://www.reddit.com/user/Dave_B/comments/9z/x/", "reddit", "9z", "reddit:dave_b", False),
    ("https://redd.it/1abcde", "reddit", "1abcde", None, False),
    ("https://www.facebook.com/dave.brandt/posts/pfbid02abc", "facebook", "pfbid02abc", "facebook:dave.brandt", True),
    ("https://m.facebook.com/story.php?story_fbid=77&id=100", "facebook", "77", None, True),
    ("https://www.facebook.com/groups/denvercars/permalink/880011/", "facebook", "880011", None, True),
    ("https://twitter.com/Dave/status/1789?s=20", "x", "1789", "x:dave", True),
    ("https://x.com/i/web/status/42", "x", "42", None, True),
    ("https://www.linkedin.com/posts/david-brandt_car-activity-7261234567890123456-AbCd", "linkedin", "7261234567890123456", "linkedin:david-brandt", True),
    ("https://www.linkedin.com/feed/update/urn:li:activity:7261234567890123456/", "linkedin", "7261234567890123456", None, True),
    ("https://denver.craigslist.org/wan/d/denver-wanted-station-wagon/7791234567.html", "craigslist", "7791234567", None, False),
    ("https://nextdoor.com/p/wQk2_9hTz", "nextdoor", "wQk2_9hTz", None, True),
    ("https://www.quora.com/Where-can-I-buy-a-used-car-in-Denver", "quora", "Where-can-I-buy-a-used-car-in-Denver", None, False),
    ("https://mechanics.stackexchange.com/questions/55123/which-wagon", "stackexchange", "55123", None, False),
    ("https://stackoverflow.com/a/11", "stackexchange", "11", None, False),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&lc=UgzXy", "youtube", "dQw4w9WgXcQ", None, False),
    ("https://youtu.be/dQw4w9WgXcQ", "youtube", "dQw4w9WgXcQ", None, False),
    ("https://hachyderm.io/@Dave/113456789012345678", "fediverse", "113456789012345678", "fediverse:dave@hachyderm.io", False),
    ("https://bsky.app/profile/dave.bsky.social/post/3kabc", "bluesky", "3kabc", "bluesky:dave.bsky.social", False),
    ("https://www.instagram.com/p/Cxyz123/", "instagram", "Cxyz123", None, True),
    ("https://www.tiktok.com/@dave/video/7301", "tiktok", "7301", "tiktok:dave", True),
    ("https://www.threads.net/@dave/post/C9", "threads", "C9", "threads:dave", True),
    ("https://news.ycombinator.com/item?id=4001", "hackernews", "4001", None, False),
    ("https://community.example.org/t/looking-for-a-van/3312/4", "discourse", "3312", None, False),
    ("https://forum.example/threads/which-solar-panels.9912/", "xenforo", "9912", None, False),
    ("https://forum.example/viewtopic.php?f=3&t=871", "phpbb", "871", None, False),
    ("https://lemmy.example/post/55", "lemmy", "55", None, False),
])
def test_the_address_says_platform_account_and_number(address, platform, post_id, handle, is_closed):
    post = recognise(address)
    assert (post.platform, post.post_id, post.handle, post.is_closed) == (platform, post_id, handle, is_closed)


@pytest.mark.parametrize(("address", "comment"), [
    ("https://www.reddit.com/r/cars/comments/1abcde/need_a_car/kx9/", "kx9"),
    ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&lc=UgzXy", "UgzXy"),
    ("https://www.facebook.com/groups/1/posts/2?comment_id=3", "3"),
    ("https://community.example.org/t/looking-for-a-van/3312/4", "4"),
    ("https://forum.example/threads/9912/post-77", "77"),
])
def test_one_comment_is_told_from_the_post_it_stands_under(address, comment):
    assert recognise(address).comment_id == comment


@pytest.mark.parametrize("address", [
    "https://david.example/2026/car", "https://notfacebook.com/dave/posts/1", "https://x.com.evil.example/dave/status/1",
    "https://facebook.com.evil.example/posts/1", "no address", "javascript:alert(1)",
])
def test_another_site_is_not_taken_for_a_platform(address):
    assert recognise(address) is None
    assert why_closed(address) is None


def test_where_only_people_can_read_the_words_say_what_to_give_instead():
    message, next_step = why_closed("https://www.facebook.com/dave.brandt/posts/1")
    assert "Facebook" in message and "screenshot" in next_step
    assert why_closed("https://old.reddit.com/r/cars/comments/1/x") is None
