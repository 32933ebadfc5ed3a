"""Money on its way to people, and what is taken back of it."""
