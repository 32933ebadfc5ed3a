"""The ledger beside what Stripe says, and what people are told of their money."""
