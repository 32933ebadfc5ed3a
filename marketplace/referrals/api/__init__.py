"""Leads and what they earn, for programs."""
from marketplace.referrals.api import leads, matches, rewards

BLUEPRINTS = [leads.bp, matches.bp, rewards.bp]
