"""Exceptions, by who is at fault.

Everything here is a mistake of the program that calls, and is raised at the call. What the network does is
never raised: it reaches an ``error`` listener and the close report as the fitting ``OSError`` subclass
(``ConnectionResetError``, ``TimeoutError``, ...), built by ``reactor.net``. A wrong type or value of
an argument is a ``TypeError`` or a ``ValueError`` (``reactor.arguments``).
"""

from __future__ import annotations


class ReactorError(Exception):
    """Base of what this library raises by itself."""


class ConnectionClosed(ReactorError):
    """The program wrote to a connection that it had destroyed or reset.

    Also the error that write callbacks get for bytes that can no longer reach the kernel because our side
    ended the connection. Do not write after ``destroy()`` or ``reset()``; ``conn.state`` tells.
    """


class WriteAfterEnd(ConnectionClosed):
    """The program wrote after its own ``end()`` or ``destroy_soon()``. Write first, then end: ``end(data)``
    does both.
    """


class NeverConnected(ConnectionClosed):
    """What was written before the connection came about, and it never did."""


class ServerClosed(ReactorError):
    """The server does not listen (any more): ``close()`` of a server that is not listening answers with this."""


class WrongThread(ReactorError):
    """A call from a thread that does not own the reactor. Use ``call_soon_threadsafe``.

    Raised in debug mode, and always by ``close()`` of a reactor that another thread runs.
    """
