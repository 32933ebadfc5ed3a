"""Money that businesses pay in, and its way back to them."""
