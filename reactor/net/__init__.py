"""Connections and servers. They know sockets; the engine does not know them."""
