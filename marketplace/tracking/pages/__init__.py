"""HTML of tracking, by audience."""
from flask import Blueprint

BLUEPRINTS: list[Blueprint] = []
