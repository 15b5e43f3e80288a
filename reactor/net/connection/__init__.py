"""One connection: its state, what comes in and goes out, how it ends."""
