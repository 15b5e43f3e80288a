"""Clients: names, attempts, and what stands in for a socket until one is connected."""
