"""A labelled set: posts as people write them, bounties as businesses do, and which belong together."""
