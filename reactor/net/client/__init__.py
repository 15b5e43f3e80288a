"""Clients: names, the race of the attempts, and what stands in for a socket until a client is connected."""
