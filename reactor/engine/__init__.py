"""The event loop. It knows descriptors and time; it knows no connection."""
