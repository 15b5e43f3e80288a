"""Twisted, with its default reactor (epoll)."""

from __future__ import annotations

import signal
from collections import deque
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import FileSender, LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from zope.interface import implementer

from bench.servers.common import (
    BACKLOG,
    BLOCK,
    GREETING,
    HOST,
    LIVE_TIMERS,
    TIMERS_A_TURN,
    WELCOME,
    Stopwatch,
    announce,
    blocks,
    role_and_value,
)

protocols: set[Protocol] = set()


class Echo(Protocol):
    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self.transport, True)  # who does not read is not read from

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.transport.unregisterProducer()


class EchoTimeout(Echo, TimeoutMixin):
    seconds: float

    def connectionMade(self) -> None:
        super().connectionMade()
        self.setTimeout(self.seconds)

    def dataReceived(self, data: bytes) -> None:
        self.resetTimeout()
        self.transport.write(data)

    def timeoutConnection(self) -> None:
        self.transport.unregisterProducer()  # which would hold up the closing
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.setTimeout(None)


class Lines(LineOnlyReceiver):
    delimiter = b"\n"

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self.transport, True)

    def lineReceived(self, line: bytes) -> None:
        self.transport.write(line + b"\n")


@implementer(IHalfCloseableProtocol)
class Speaker(Protocol):
    """Says something, then FIN, and waits for the peer's."""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def finish(self, result: Any = None) -> None:
        self.transport.loseWriteConnection()

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        pass


class Greet(Speaker):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(GREETING)
        self.finish()


@implementer(IPullProducer)
class Push(Speaker):
    count: int

    def connectionMade(self) -> None:
        super().connectionMade()
        self.left = self.count
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        if self.left:
            self.left -= 1
            self.transport.write(BLOCK)
        else:
            self.stopProducing()
            self.finish()

    def stopProducing(self) -> None:
        self.transport.unregisterProducer()


class BlockSender(FileSender):
    CHUNK_SIZE = len(BLOCK)  # 16 KiB by default


class SendFile(Speaker):
    path: str

    def connectionMade(self) -> None:
        super().connectionMade()
        self.file = open(self.path, "rb")
        BlockSender().beginFileTransfer(self.file, self.transport).addCallback(self.finish)

    def connectionLost(self, reason: Any = None) -> None:
        self.file.close()


class FanOut(Protocol):
    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        protocols.add(self)
        self.transport.write(WELCOME)

    def dataReceived(self, data: bytes) -> None:
        for protocol in protocols:
            protocol.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        protocols.discard(self)


class Pending(Speaker):
    pending: bytes
    stopping = False

    def connectionMade(self) -> None:
        super().connectionMade()
        protocols.add(self)
        self.transport.write(self.pending)

    def connectionLost(self, reason: Any = None) -> None:
        protocols.discard(self)
        if Pending.stopping and not protocols:
            reactor.stop()


def protocol_for(role: str, value: str) -> type[Protocol]:
    match role:
        case "echo_timeout":
            EchoTimeout.seconds = float(value)
            return EchoTimeout
        case "push":
            Push.count = int(value) // len(BLOCK)
            return Push
        case "file":
            SendFile.path = value
            return SendFile
        case "stop":
            Pending.pending = blocks(int(value))
            return Pending
        case _:
            return {"echo": Echo, "lines": Lines, "greet": Greet, "fanout": FanOut}[role]


def stop_in_order(port: Any) -> None:
    port.stopListening()
    Pending.stopping = True
    for protocol in protocols:
        protocol.finish()


def serve(role: str, value: str) -> None:
    port = reactor.listenTCP(0, Factory.forProtocol(protocol_for(role, value)), BACKLOG, HOST)
    announce(port.getHost().port)
    if role == "stop":
        reactor.callWhenRunning(
            lambda: signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(stop_in_order, port))
        )
    reactor.run()


class Timers:
    def __init__(self, count: int) -> None:
        self.watch = Stopwatch()
        self.count = self.left = count
        self.live = deque(reactor.callLater(60, print) for _ in range(LIVE_TIMERS))

    def some(self) -> None:
        for _ in range(TIMERS_A_TURN):
            self.live.popleft().cancel()
            self.live.append(reactor.callLater(60, print))
        self.left -= TIMERS_A_TURN
        reactor.callLater(0, self.some if self.left > 0 else self.fire)

    def fire(self) -> None:
        self.watch.lap("cancel", self.count)
        for timer in self.live:
            timer.cancel()
        for number in range(self.count):
            reactor.callLater(number / self.count, int)
        reactor.callLater(1, self.end)

    def end(self) -> None:
        self.watch.lap("fire", self.count)
        self.watch.tell()
        reactor.stop()


def main() -> None:
    role, value = role_and_value()
    if role == "timers":
        reactor.callWhenRunning(Timers(int(value)).some)
        reactor.run()
    else:
        serve(role, value)


if __name__ == "__main__":
    main()
