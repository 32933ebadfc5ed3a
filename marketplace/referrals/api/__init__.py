"""Leads and what they earn, for programs."""
from marketplace.referrals.api import desk, disputes, leads, matches, rewards

BLUEPRINTS = [leads.bp, matches.bp, rewards.bp, disputes.bp, desk.bp]
