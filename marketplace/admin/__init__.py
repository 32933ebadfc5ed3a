"""The operators' rooms: jobs that were given up, the audit trail, the ledger. Admins only."""
