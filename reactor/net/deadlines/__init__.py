"""Deadlines of connections: which run, which is next, and what happens when one has passed."""
