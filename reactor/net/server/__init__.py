"""A server: its listening sockets, who is let in, how it stops."""
