"""Fingerpost: businesses post bounties, people point at buyers, buyers say yes or no, rewards are paid."""
