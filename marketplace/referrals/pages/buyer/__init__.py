"""The buyer's private page: no account, no navigation, in no search engine. Opening it never changes anything.

By what they do there: page (open it, read the terms, keep the receipt), answers, confirming, getting (their share and
other thanks), new_link. What a page needs to be shown: showing, words.
"""
from marketplace.referrals.pages.buyer import answers, confirming, getting, new_link
from marketplace.referrals.pages.buyer.page import bp

__all__ = ["answers", "bp", "confirming", "getting", "new_link"]
