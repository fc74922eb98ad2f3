"""A server on loopback that sends whatever bytes a test wants, by https or plainly, and a certificate for it."""

import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

OPENSSL = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = charlm test
[extensions]
subjectAltName = DNS:localhost
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
subjectKeyIdentifier = hash
"""


def make_certificate(folder: Path) -> Path:
    """A new key and its self-signed certificate for localhost, in one file; needs the program openssl."""
    (folder / "openssl.cnf").write_text(OPENSSL)
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -config openssl.cnf -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


class Server(socketserver.ThreadingTCPServer):
    """Answers a request for a path with the bytes that stand for it, piece by piece, and hangs up."""

    allow_reuse_address = True

    def __init__(self, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answers: dict[str, Iterable[bytes]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []  # paths and headers

    def url(self, path: str, host: str = "localhost") -> str:
        return f"https://{host}:{self.server_address[1]}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what most of these tests want."""


class _Connection(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        path = self.rfile.readline().decode().split()[1]
        headers = dict(line.decode().strip().split(": ") for line in iter(self.rfile.readline, b"\r\n"))
        self.server.requests.append((path, headers))
        for piece in self.server.answers[path]:
            self.wfile.write(piece)


@contextmanager
def serving(certificate: Path | None) -> Iterator[Server]:
    """A server that runs: by https with a certificate, plainly without."""
    with Server(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
