"""HTML for the people of a lead, by audience; the lead's own page tells each of them their story."""
from marketplace.referrals.pages import admin, business, buyer, known_contacts, lead_page, matching, referrer, rewards

BLUEPRINTS = [lead_page.bp, referrer.bp, matching.bp, business.bp, admin.bp, buyer.bp, rewards.bp, known_contacts.bp, fraud.bp]
