"""HTML of tracking, by audience."""
from flask import Blueprint

from marketplace.tracking.pages import following, leading, links

BLUEPRINTS: list[Blueprint] = [links.bp, following.bp, leading.bp]
