"""What businesses pay in and people are sent, for programs."""
from marketplace.payments.api import fundings, statements, transfers

BLUEPRINTS = [fundings.bp, statements.bp, transfers.bp]
