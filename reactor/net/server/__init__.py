"""A server: its acceptors, admission with its limits, and how it stops."""
