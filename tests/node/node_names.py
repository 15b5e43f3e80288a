"""What Node calls what: the one table between its `net` and ours. Ours stands left, Node's right.

Both drivers play programs written in our names. The driver of Node is given this table and knows no other.
"""

from __future__ import annotations

EVENTS = {name: name for name in ("data", "drain", "timeout", "end", "finish", "error", "close")}
CLIENT_EVENTS = {"lookup": "lookup", "connect": "connect", "ready": "ready"}
ATTEMPT_EVENTS = {
    "connection_attempt": "connectionAttempt",
    "connection_attempt_failed": "connectionAttemptFailed",
    "connection_attempt_timeout": "connectionAttemptTimeout",
}
SERVER_EVENTS = {"drop": "drop", "stopped": "close"}
CALLS = {
    "write": "write",
    "end": "end",
    "destroy_soon": "destroySoon",
    "destroy": "destroy",
    "reset": "resetAndDestroy",
    "pause": "pause",
    "resume": "resume",
    "pipe": "pipe",
    "unpipe": "unpipe",
    "set_encoding": "setEncoding",
    "set_timeout": "setTimeout",
    "set_no_delay": "setNoDelay",
    "set_keep_alive": "setKeepAlive",
}
ATTRIBUTES = {
    "state": "readyState",
    "bytes_read": "bytesRead",
    "bytes_written": "bytesWritten",
    "pending_bytes": "writableLength",
    "remote_host": "remoteAddress",
    "local_host": "localAddress",
}
SETTINGS = {
    "allow_half_open": "allowHalfOpen",
    "pause_on_connect": "pauseOnConnect",
    "high_water": "highWaterMark",
    "no_delay": "noDelay",
    "keep_alive": "keepAlive",
    "max_connections": "maxConnections",
    "local_host": "localAddress",
    "attempt_delay": "autoSelectFamilyAttemptTimeout",
}
STATES = {
    "connecting": "opening",
    "open": "open",
    "read_only": "readOnly",
    "write_only": "writeOnly",
    "closed": "closed",
}
ERRORS = {
    "WriteAfterEnd": ("ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_ALREADY_FINISHED"),
    "ConnectionClosed": ("ERR_STREAM_DESTROYED", "ERR_SOCKET_CLOSED", "ECANCELED"),
    "NeverConnected": ("ERR_SOCKET_CLOSED_BEFORE_CONNECTION",),
    "ServerClosed": ("ERR_SERVER_NOT_RUNNING",),
    "AttemptsFailed": ("AggregateError",),
}
TABLE = {
    "events": EVENTS | CLIENT_EVENTS | ATTEMPT_EVENTS,
    "serverEvents": SERVER_EVENTS,
    "calls": CALLS,
    "attributes": ATTRIBUTES,
    "settings": SETTINGS,
    "states": {theirs: ours for ours, theirs in STATES.items()},
    "errors": {code: ours for ours, codes in ERRORS.items() for code in codes},
}
