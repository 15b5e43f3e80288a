"""The states of a TCP connection (RFC 9293, 3.3.2) under Linux's names, and what may be done in which."""

from __future__ import annotations

import enum


class State(enum.Enum):
    CLOSE = "closed"
    LISTEN = "listening"
    SYN_SENT = "connecting"
    SYN_RECV = "being connected"
    ESTABLISHED = "established"
    FIN_WAIT1 = "FIN sent"
    FIN_WAIT2 = "FIN acknowledged"
    CLOSING = "both FINs sent"
    CLOSE_WAIT = "FIN received"
    LAST_ACK = "FIN received, then sent"


CAN_SEND = (State.ESTABLISHED, State.CLOSE_WAIT)
CAN_RECEIVE = (State.ESTABLISHED, State.FIN_WAIT1, State.FIN_WAIT2)
MUST_RESET = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT1, State.FIN_WAIT2, State.SYN_RECV)
LAST = (State.CLOSING, State.LAST_ACK)
