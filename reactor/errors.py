"""Exceptions, by who is at fault.

Everything here is a mistake of the calling program and is raised at the call. Errors of the network are never raised:
they reach an ``error`` listener and the close report as the fitting subclass of ``OSError`` (``ConnectionResetError``,
``TimeoutError``, ...), built by ``reactor.net``. A wrong type or value of an argument is a ``TypeError`` or a
``ValueError`` (``reactor.arguments``).
"""

from __future__ import annotations


class ReactorError(Exception):
    """The base class of all exceptions that this library defines."""


class ConnectionClosed(ReactorError):
    """The program wrote to a connection that it had destroyed or reset.

    Write callbacks get it too, for bytes that can no longer reach the kernel because our side ended the connection. Do
    not write after ``destroy()`` or ``reset()``; ``conn.state`` says whether the connection is closed.
    """


class WriteAfterEnd(ConnectionClosed):
    """The program wrote after its own ``end()`` or ``destroy_soon()``. Write first, then end: ``end(data)``
    does both.
    """


class NeverConnected(ConnectionClosed):
    """Write callbacks get it for bytes that were written to a client whose connection was never made."""


class ServerClosed(ReactorError):
    """The callback of ``Server.close()`` gets it when the server was not listening."""


class WrongThread(ReactorError):
    """A call from a thread that does not own the reactor. Use ``call_soon_threadsafe``.

    Raised in debug mode, and always by ``close()`` of a reactor that another thread runs.
    """

    @classmethod
    def here(cls) -> WrongThread:
        """The error of a call from this thread."""
        import threading

        return cls(
            f"called from thread {threading.current_thread().name!r}, which does not run the reactor: "
            "use call_soon_threadsafe"
        )
