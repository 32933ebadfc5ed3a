"""What is tracked, for programs."""
from marketplace.tracking.api import conversions

BLUEPRINTS = [conversions.bp]
