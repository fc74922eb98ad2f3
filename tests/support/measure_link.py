"""Bits per second and the seconds of a round trip between two hosts: `listen` on one, HOST SIZE on the other."""

import socket
import sys
import time

_PORT, _ROUNDS = 29_300, 21


def listen() -> None:
    with socket.create_server(("", _PORT)) as server:
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(_ROUNDS):
                connection.sendall(connection.recv(1))
            while connection.recv(2**20):
                pass
            connection.sendall(b"!")


def measure(host: str, size: int) -> None:
    connection = connected(host)
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = []
        for _ in range(_ROUNDS):
            before = time.perf_counter()
            connection.sendall(b"?")
            connection.recv(1)
            times.append(time.perf_counter() - before)
        before = time.perf_counter()
        connection.sendall(bytes(size))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        spent = time.perf_counter() - before
    print(8 * size / spent, sorted(times)[_ROUNDS // 2])


def connected(host: str) -> socket.socket:
    until = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection((host, _PORT), timeout=20)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    listen() if sys.argv[1] == "listen" else measure(sys.argv[1], int(sys.argv[2]))
