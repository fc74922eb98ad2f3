"""A slow link between two network namespaces: packets are held back for a delay, and leave at a limited rate.

    python tests/support/slow_link.py NAMESPACE ADDRESS NAMESPACE ADDRESS --delay 0.01 --rate 100e6

The link is a TUN device in each namespace; this process carries the packets from one to the other. It is a model of a
wire in each direction: a packet takes `bits / rate` to leave, waits for the packets before it, and arrives `delay`
seconds later. A packet is dropped if those before it need longer than `--buffer` seconds, as in a full router. The
program prints "ready" when the link is up, and the link disappears when the program ends. It needs root and Linux.
"""

import argparse
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import time
from collections import deque
from contextlib import suppress

_CLONE_NEWNET, _TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x40000000, 0x400454CA, 0x0001, 0x1000
_DEVICE = "link0"
_LARGEST = 65_536  # bytes of a packet


class Wire:
    """One direction: packets from one device, on their way to the other."""

    def __init__(self, target: int, delay: float, rate: float, buffer: float) -> None:
        self.target, self.delay, self.rate, self.buffer = target, delay, rate, buffer
        self.on_the_way: deque[tuple[float, bytes]] = deque()  # the time of arrival of each packet
        self.free_at = 0.0  # when the last packet has left

    def send(self, packet: bytes, now: float) -> None:
        begin = max(now, self.free_at)
        if begin - now <= self.buffer:
            self.free_at = begin + 8 * len(packet) / self.rate
            self.on_the_way.append((self.free_at + self.delay, packet))

    def deliver(self, now: float) -> None:
        while self.on_the_way and self.on_the_way[0][0] <= now:
            packet = self.on_the_way.popleft()[1]
            with suppress(OSError):  # the device is down: the packet is lost
                os.write(self.target, packet)


def tun_device(namespace: str, address: str, peer: str, mtu: int) -> int:
    """Create the device in a namespace, and return its file descriptor, which reads and writes whole packets."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open(f"/run/netns/{namespace}") as other:
        if libc.setns(other.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns", namespace)
        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        finally:
            libc.setns(own.fileno(), _CLONE_NEWNET)
    for command in (f"address add {address} peer {peer} dev {_DEVICE}", f"link set {_DEVICE} mtu {mtu} up"):
        subprocess.run(["ip", "-n", namespace, *command.split()], check=True)
    return device


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("namespace", "address", "other_namespace", "other_address"):
        parser.add_argument(name)
    parser.add_argument("--delay", type=float, default=0.01, help="Seconds, in each direction.")
    parser.add_argument("--rate", type=float, default=100e6, help="Bits per second, in each direction.")
    parser.add_argument("--buffer", type=float, default=0.1, help="Seconds that a packet may wait.")
    parser.add_argument("--mtu", type=int, default=1500, help="Bytes of a packet, at most.")
    asked = parser.parse_args()
    one = tun_device(asked.namespace, asked.address, asked.other_address, asked.mtu)
    two = tun_device(asked.other_namespace, asked.other_address, asked.address, asked.mtu)
    wires = {
        one: Wire(two, asked.delay, asked.rate, asked.buffer),
        two: Wire(one, asked.delay, asked.rate, asked.buffer),
    }
    print("ready", flush=True)
    carry(wires)


def carry(wires: dict[int, Wire]) -> None:
    """Carry packets until the process is killed."""
    poll = select.epoll()
    for device in wires:
        poll.register(device, select.EPOLLIN)
    while True:
        next_arrival = min((wire.on_the_way[0][0] for wire in wires.values() if wire.on_the_way), default=None)
        wait = 1.0 if next_arrival is None else max(0.0, next_arrival - time.monotonic())
        for device, _ in poll.poll(wait):
            try:
                while True:
                    wires[device].send(os.read(device, _LARGEST), time.monotonic())
            except OSError:  # no more packets, or the device is down
                pass
        now = time.monotonic()
        for wire in wires.values():
            wire.deliver(now)


if __name__ == "__main__":
    main()
