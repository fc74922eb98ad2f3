"""`charlm corpus get` against an https server on loopback that also cheats: all of the text is written, or nothing."""

import errno
import hashlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Outcome
from https_server import Server, make_certificate, serving

import charlm
from charlm.data import catalogue, download

Run = Callable[..., Outcome]
TEXT = b"emma\nolivia\nava\n" * 999
OTHER = TEXT[::-1]
FILE = "names.txt"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("needs the program openssl to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server with the only trusted certificate, and let the catalogue find `names` there at /names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificate.parent / "none"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with serving(certificate) as server:
        publish(monkeypatch, server.url("/names"))
        yield server


def publish(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the catalogue name TEXT, at an address, as `names`."""
    text = catalogue.Text("names", url, len(TEXT), hashlib.sha256(TEXT).hexdigest())
    monkeypatch.setitem(catalogue.TEXTS, "names", text)


def ok(body: bytes, length: int | None = None, *headers: str) -> list[bytes]:
    """Return a response 200; a length of -1 leaves the header out."""
    size = [] if length == -1 else [f"Content-Length: {len(body) if length is None else length}"]
    return ["\r\n".join(["HTTP/1.1 200 OK", *size, *headers, "", ""]).encode() + body]


def redirect(place: str, code: int = 302) -> list[bytes]:
    return [f"HTTP/1.1 {code} Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()]


def refusal(done: Outcome, code: int = 1) -> str:
    """Return the last line of stderr, the only error; stdout is empty."""
    assert (done.code, done.out) == (code, ""), done
    *talk, line = done.err.splitlines()
    assert not [each for each in talk if not each.startswith("downloading ")]
    assert line.startswith("error: ") and line.isprintable() and "unexpectedly" not in line
    return line


def test_the_text_is_written_and_its_path_printed(run: Run, server: Server) -> None:
    server.answers["/names"] = ok(TEXT)
    done = run("corpus", "get", "names")
    assert (done.code, done.out) == (0, f"{FILE}\n")
    assert server.url("/names") in done.err and f"charlm train {FILE}" in done.err
    assert Path(FILE).read_bytes() == TEXT
    assert os.listdir() == [FILE]
    ((_, headers),) = server.requests
    assert headers["User-Agent"] == f"charlm/{charlm.__version__}"


def test_quiet_and_json(run: Run, server: Server) -> None:
    server.answers["/names"] = ok(TEXT, -1)  # without a length it is the same
    done = run("corpus", "get", "names", "--output", "other.txt", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "name": "names",
        "path": "other.txt",
        "bytes": len(TEXT),
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "url": server.url("/names"),
        "fetched": True,
    }
    assert Path("other.txt").read_bytes() == TEXT


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_https_is_followed(run: Run, server: Server, code: int) -> None:
    server.answers |= {"/names": redirect("/a", code), "/a": redirect(server.url("/b"), code), "/b": ok(TEXT)}
    assert run("corpus", "get", "names").code == 0
    assert Path(FILE).read_bytes() == TEXT


CHUNKED = "Transfer-Encoding: chunked"
CHEATS = {
    "another text": (ok(OTHER), hashlib.sha256(OTHER).hexdigest()),
    "cut short": (ok(TEXT[:100], len(TEXT)), f"only 100 of {len(TEXT):,} bytes"),
    "cut short without a length": (ok(TEXT[:-1], -1), f"only {len(TEXT) - 1:,} of {len(TEXT):,} bytes"),
    "nothing": (ok(b""), "offers 0 bytes"),
    "too large, as is said": (ok(TEXT + b"\n"), f"offers {len(TEXT) + 1:,} bytes"),
    "too large without a length": (ok(TEXT + b"\n", -1), f"the server sent more than the {len(TEXT):,} bytes"),
    "a length that is none": (ok(TEXT[:5], -1, "Content-Length: many"), "only 5 of"),
    "a chunk cut short": (ok(b"ffff\r\n" + TEXT[:100], -1, CHUNKED), "the response is incomplete or is not HTTP"),
    "a chunk that is none": (ok(b"chunk\r\n", -1, CHUNKED), "the response is incomplete or is not HTTP"),
    "no such page": ([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "responded with status 404"),
    "a failing server": ([b"HTTP/1.1 503 \x1b[2J\r\n\r\n"], "responded with status 503"),
    "no HTTP": ([b"\x1b[2J\x07 is not a status\r\n\r\n"], "is not HTTP"),
    "no answer": ([], "the response is incomplete or is not HTTP"),
    "a redirect to http": (redirect("http://localhost/names"), "'http://localhost/names', which is not https"),
    "a redirect to a file": (redirect("file:///etc/hostname"), "which is not https"),
    "a redirect that drives the terminal": (redirect("http://localhost/\x1b[2J"), "which is not https"),
    "a redirect that is no address": (redirect("https://[/"), ""),
    "a redirect to no port": (redirect("https://localhost:x/"), ""),
    "a redirect in a ring": (redirect("/names"), "redirects more than"),
    "a redirect to nowhere": ([b"HTTP/1.1 302 Found\r\n\r\n"], "responded with status 302"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_what_is_not_the_text_is_refused_and_leaves_nothing(run: Run, server: Server, cheat: str) -> None:
    server.answers["/names"], words = CHEATS[cheat]
    sentence = refusal(run("corpus", "get", "names"))
    assert words in sentence
    assert server.url("/names") in sentence
    assert f"by other means to {FILE}, then run: charlm train {FILE}" in sentence
    assert os.listdir() == []
    assert len(server.requests) <= 10


@pytest.mark.parametrize("head", [ok(b"", -1), redirect("/names")], ids=["text", "redirect"])
def test_a_text_without_end_is_not_read_to_its_end(run: Run, server: Server, head: list[bytes]) -> None:
    """charlm stops while the server still writes: it receives at most what the buffers of the connection hold."""
    sent_all = []

    def endless() -> Iterator[bytes]:
        yield head[0].replace(b"Content-Length: 0\r\n", b"")
        for _ in range(1000):
            yield bytes(2**16)
        sent_all.append(True)

    server.answers["/names"] = endless()
    refusal(run("corpus", "get", "names"))
    server.shutdown()
    server.server_close()  # waits for the connections
    assert server.requests and not sent_all


def test_a_silent_server_is_given_up(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    ended = threading.Event()

    def silent() -> Iterator[bytes]:
        ended.wait()
        yield b""

    server.answers["/names"] = silent()
    try:
        assert "timed out" in refusal(run("corpus", "get", "names"))
    finally:
        ended.set()


def test_without_a_server_the_sentence_says_what_to_do(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"https://localhost:{closed.getsockname()[1]}/names"
    publish(monkeypatch, url)
    sentence = refusal(run("corpus", "get", "names"))
    assert "refused" in sentence and url in sentence
    assert f"download it by other means to {FILE}, then run: charlm train {FILE}" in sentence
    assert os.listdir() == []


def test_a_proxy_is_asked_and_cannot_drive_the_terminal(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    with serving(None) as proxy:
        place = server.url("").removeprefix("https://")
        proxy.answers[place] = [b"HTTP/1.1 407 \x1b[2J\r\n\r\n"]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        assert "407" in refusal(run("corpus", "get", "names"))
        assert [path for path, _ in proxy.requests] == [place]
    assert not server.requests


@pytest.mark.parametrize("fault", ["signer", "host"])
def test_a_certificate_that_is_not_to_be_trusted_ends_it(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    server.answers["/names"] = ok(TEXT)
    if fault == "signer":
        monkeypatch.setenv("SSL_CERT_FILE", "nothing.pem")
    else:
        publish(monkeypatch, server.url("/names", host="127.0.0.1"))
    assert "certificate is not trusted" in refusal(run("corpus", "get", "names"))
    assert os.listdir() == []
    assert not server.requests


def test_the_text_that_is_there_needs_no_network(run: Run, server: Server) -> None:
    Path(FILE).write_bytes(TEXT)
    for option in ([], ["--overwrite"]):
        done = run("corpus", "get", "names", *option)
        assert (done.code, done.out) == (0, f"{FILE}\n")
        assert "nothing was downloaded" in done.err
    assert json.loads(run("corpus", "get", "names", "--json").out)["fetched"] is False
    assert not server.requests


def test_another_file_is_replaced_only_when_asked_and_only_by_the_text(run: Run, server: Server) -> None:
    Path(FILE).write_bytes(OTHER)
    server.answers["/names"] = ok(TEXT[:-1])
    assert "--overwrite" in refusal(run("corpus", "get", "names"), 2)
    assert not server.requests
    refusal(run("corpus", "get", "names", "--overwrite"))
    assert Path(FILE).read_bytes() == OTHER
    server.answers["/names"] = ok(TEXT)
    assert run("corpus", "get", "names", "--overwrite").code == 0
    assert Path(FILE).read_bytes() == TEXT
    assert os.listdir() == [FILE]


def test_what_cannot_be_written_is_told_before_anything_is_fetched(run: Run, server: Server) -> None:
    os.mkdir("folder")
    os.symlink("nowhere", "link")
    for output in ("folder", "missing/names.txt", "link", os.devnull):
        sentence = refusal(run("corpus", "get", "names", "--output", output, "--overwrite"), 2)
        assert output.removesuffix(f"/{FILE}") in sentence and "--output" in sentence
    assert not server.requests


def test_a_disk_that_is_full_is_a_sentence(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.answers["/names"] = ok(TEXT)
    monkeypatch.setattr(os, "fsync", full)
    assert f"{FILE} cannot be written: No space left" in refusal(run("corpus", "get", "names"))
    assert os.listdir() == []


def test_a_name_that_is_not_known_gets_those_that_are(run: Run) -> None:
    sentence = refusal(run("corpus", "get", "shakespeare"), 2)
    assert "'shakespeare'" in sentence
    assert all(name in sentence for name in ("tinyshakespeare", "names"))


def test_every_address_is_https_and_the_guide_names_them_all() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "train.md").read_text(encoding="utf-8")
    for name, text in catalogue.TEXTS.items():
        assert text.url.startswith("https://") and len(bytes.fromhex(text.sha256)) == 32
        assert f"\ncharlm corpus get {name} " in guide
