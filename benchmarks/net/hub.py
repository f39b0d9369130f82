"""A hub in user space that joins network devices by links of a given delay and rate, where the kernel has no netem."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import ipaddress
import os
import select
import struct
import threading
import time

__all__ = ["Hub"]

# From linux/if_tun.h, linux/if.h, linux/prctl.h.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PR_SET_TIMERSLACK = 29
DESTINATION = slice(16, 20)  # of an IPv4 header
PACKET = 1 << 16
PACKETS_AT_ONCE = 64


class Hub:
    """Tunnel devices whose packets are carried from one to the other, as ``tc netem delay D rate R`` on each would do.

    A packet leaves its sender's link ``size / rate`` after all before it have left, and arrives ``delay`` after that;
    nothing is lost. The devices are to be moved to where they are needed; they go when the hub stops.

    Args:
        devices: names of the devices to make, and the addresses whose packets each takes.
        delay: seconds from one device to another.
        rate: bytes a second that each device may send.
    """

    def __init__(self, devices: dict[str, str], delay: float, rate: float) -> None:
        self._delay, self._rate = delay, rate
        self._routes: dict[bytes, int] = {}
        self._stopping, self._stop = os.pipe()
        for name, address in devices.items():
            file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            self._routes[ipaddress.ip_address(address).packed] = file
            fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        self._thread = threading.Thread(target=self._carry, name="hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; the devices disappear."""
        os.close(self._stop)
        self._thread.join()
        for file in (*self._routes.values(), self._stopping):
            os.close(file)

    def _carry(self) -> None:
        # The kernel may else wake this thread 50 us late, for its own convenience.
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
        files = list(self._routes.values())
        free = dict.fromkeys(files, 0.0)  # when each sender's link has sent all so far
        waiting: list[tuple[float, int, int, bytes]] = []
        count = 0
        while True:
            pause = max(0.0, waiting[0][0] - time.perf_counter()) if waiting else None
            ready = select.select([*files, self._stopping], [], [], pause)[0]
            if self._stopping in ready:
                return
            for file in ready:
                for packet in _packets(file):
                    target = self._routes.get(packet[DESTINATION])
                    if target is None:  # a broadcast, or not IPv4
                        continue
                    free[file] = max(free[file], time.perf_counter()) + len(packet) / self._rate
                    heapq.heappush(waiting, (free[file] + self._delay, count, target, packet))
                    count += 1
            while waiting and waiting[0][0] <= time.perf_counter():
                _, _, target, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):  # a device that is down takes nothing
                    os.write(target, packet)


def _packets(file: int) -> list[bytes]:
    found: list[bytes] = []
    try:
        while len(found) < PACKETS_AT_ONCE:
            found.append(os.read(file, PACKET))
    except BlockingIOError:
        pass
    return found
