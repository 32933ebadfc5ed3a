"""Leads and what they earn, for programs."""
from marketplace.referrals.api import disputes, leads, matches, rewards

BLUEPRINTS = [leads.bp, matches.bp, rewards.bp, disputes.bp]
