"""Leads and what they earn, for programs."""
from marketplace.referrals.api import leads, rewards

BLUEPRINTS = [leads.bp, rewards.bp]
