"""Two hosts and a bad link between them: real kernels, real TCP, and packets that come late, get lost, or pass no more.

A host is a network namespace. A socket belongs for life to the namespace of the thread that made it, so each host has
one thread, and what `Host.run` calls there makes its sockets there; the test then uses them where it likes, beside a
loop on any clock. Between the hosts every IP packet passes through `Link`: it reads and writes the two TUN devices.

It needs Linux, root, and /dev/net/tun; `missing()` says what is not there. Nothing is left at the end: a namespace goes
with its last thread and its last socket.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

T = TypeVar("T")

TUN = "/dev/net/tun"
CLONE_NEWNET = 0x40000000  # sched.h
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C  # linux/sockios.h
IFF_UP, IFF_RUNNING = 0x1, 0x40  # linux/if.h
LARGEST_PACKET = 65_535  # bytes
NEAR, FAR = "10.9.0.1", "10.9.0.2"


def missing() -> str | None:
    """What the two hosts need and do not find here; None if they can be had."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root, for network namespaces"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"needs {TUN}"
    return None


class Host:
    """One network namespace, with one address. Its thread lives until `close`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"host-{address}")
        #: The descriptor through which its packets leave and arrive.
        self.tun = self.run(self._set_up)

    def run(self, fn: Callable[[], T]) -> T:
        """What `fn()` returns on this host's thread. The sockets that it makes are of this host."""
        return self._thread.submit(fn).result(60)

    def listening(self) -> socket.socket:
        """A socket that listens on this host."""
        return self.run(lambda: socket.create_server((self.address, 0), backlog=1000))

    def close(self) -> None:
        self._thread.shutdown()
        os.close(self.tun)

    def _set_up(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET) failed")
        tun = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"link", IFF_TUN | IFF_NO_PI))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            for request, address in ((SIOCSIFADDR, self.address), (SIOCSIFNETMASK, "255.255.255.0")):
                packed = struct.pack("16sHH4s16x", b"link", socket.AF_INET, 0, socket.inet_aton(address))
                fcntl.ioctl(any_socket, request, packed)
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"link", IFF_UP | IFF_RUNNING))
        return tun


class Link:
    """What lies between two TUN devices. Its attributes may be changed while packets pass."""

    def __init__(self, near: int, far: int, seed: int) -> None:
        #: Seconds that a packet takes, at least, and by how much more at most: packets may overtake each other.
        self.delay = self.jitter = 0.0
        #: The probability of each packet to be lost.
        self.loss = 0.0
        #: Bytes a second each way, and how many wait for their turn; None: as many as come.
        self.rate: float | None = None
        self.queue = 30_000
        #: True: nothing passes, and nobody is told.
        self.cut = False
        self.dropped = 0
        self._other = {near: far, far: near}
        self._free_at = {near: 0.0, far: 0.0}
        self._under_way: list[tuple[float, int, int, bytes]] = []  # arrives at, number, where, packet
        self._number = 0
        self._random = random.Random(seed)

    def carry(self, seconds: float) -> None:
        """Pass on what comes and what is due, for so long."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            due = min(until, self._under_way[0][0]) if self._under_way else until
            for device in select.select(list(self._other), [], [], max(due - now, 0))[0]:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self._take(device, os.read(device, LARGEST_PACKET))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, device, packet = heapq.heappop(self._under_way)
                with contextlib.suppress(OSError):  # the device's queue is full: this packet is lost too
                    os.write(device, packet)

    def _take(self, device: int, packet: bytes) -> None:
        now = time.monotonic()
        leaves = now
        if self.rate is not None:
            leaves = max(now, self._free_at[device]) + len(packet) / self.rate
        waiting = (leaves - now) * (self.rate or 0) - len(packet)  # bytes before it
        if self.cut or self._random.random() < self.loss or waiting > self.queue:
            self.dropped += 1
            return
        self._free_at[device] = leaves
        self._number += 1
        arrives = leaves + self.delay + self._random.random() * self.jitter
        heapq.heappush(self._under_way, (arrives, self._number, self._other[device], packet))


class TwoHosts:
    """A near host, a far one and the link between them, which runs in a thread. A context manager."""

    def __init__(self, seed: int = 1) -> None:
        self.near, self.far = Host(NEAR), Host(FAR)
        self.link = Link(self.near.tun, self.far.tun, seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="link")
        self._thread.start()

    def _carry(self) -> None:
        while not self._over.is_set():
            self.link.carry(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.near.close()
        self.far.close()
