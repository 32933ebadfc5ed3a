"""HTML for the people of a lead, by audience; the lead's own page tells each of them their story."""
from marketplace.referrals.pages import (
    admin,
    business,
    buyer,
    desk,
    disputes,
    evidence_files,
    fraud,
    known_contacts,
    lead_page,
    matching,
    referrer,
    rewards,
    several,
    terms,
    witness,
)

BLUEPRINTS = [lead_page.bp, referrer.bp, matching.bp, business.bp, admin.bp, desk.bp, several.bp, buyer.bp, rewards.bp,
              known_contacts.bp, evidence_files.bp, disputes.bp, witness.bp, fraud.bp,
              terms.bp]
