"""What a server refuses: foreign hosts and pages, wrong keys and types, and whatever exceeds its limits."""

import json
import logging
import socket
import time
from typing import Any

import pytest
from serving import Address, serving

import charlm
from charlm.errors import ConfigError

JSON = {"Content-Type": "application/json"}


def refused(reply: Any, status: int, code: str | None = None) -> str:
    """The message of a refusal, which has the form of the completions interface."""
    error = reply.values["error"]
    assert (reply.status, error["code"]) == (status, code) and set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


def test_only_the_names_of_this_machine_with_the_port_are_answered(server: Address) -> None:
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        assert server.get("/healthz", Host=f"{name}:{server.port}").status == 200
    for host in ("localhost", "127.0.0.1:1", f"evil.example:{server.port}", f"127.0.0.1.evil:{server.port}", ""):
        assert "host" in refused(server.get("/healthz", Host=host), 421, "host_not_allowed")


def test_a_page_of_another_site_is_refused(server: Address) -> None:
    for origin in (f"http://127.0.0.1:{server.port}", f"http://localhost:{server.port}"):
        assert server.get("/healthz", Origin=origin).status == 200
    for origin in ("https://evil.example", "null", "http://localhost:1", f"file://localhost:{server.port}", "http://["):
        assert "other sites" in refused(server.get("/healthz", Origin=origin), 403, "origin_not_allowed")


def test_a_request_must_be_json(server: Address) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        refused(server.send("POST", "/v1/completions", b"{}", {"Content-Type": kind}), 415, "content_type")
    bodies = (b"", b"{", b"[1]", b"\xff", b'{"prompt": NaN}', b"[" * 100_000, b"1" * 10_000, b'{"n":' + b"9" * 9000)
    for body in bodies:
        assert "JSON" in refused(server.send("POST", "/v1/completions", body, JSON), 400)
    assert (
        server.send("POST", "/v1/completions", b"{}", {"Content-Type": "Application/JSON; charset=utf-8"}).status == 400
    )


def test_a_key_is_asked_for_where_one_is_set(served_lines: charlm.LanguageModel) -> None:
    with serving([served_lines], key="sesame") as address:
        for header in (
            {},
            {"Authorization": "Bearer sesam"},
            {"Authorization": "sesame"},
            {"Authorization": "Basic x"},
        ):
            reply = address.get("/v1/models", **header)
            assert "Bearer" in refused(reply, 401, "invalid_api_key") and reply.headers["www-authenticate"] == "Bearer"
        assert address.get("/v1/models", Authorization="Bearer sesame").status == 200
        assert address.get("/healthz").values == {"status": "ok", "open": 0}


def test_others_may_use_a_server_only_with_a_key() -> None:
    from charlm.server.run import check_access

    for host, allowed in (("0.0.0.0", []), ("192.168.1.5", []), ("::", []), ("127.0.0.1", ["example.org"])):
        with pytest.raises(ConfigError, match="needs a key; set CHARLM_API_KEY"):
            check_access(host, allowed, None)
        check_access(host, allowed, "sesame")
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        check_access(host, [], None)
    with pytest.raises(ConfigError, match="CHARLM_API_KEY is empty"):
        check_access("127.0.0.1", [], "")


def test_an_allowed_host_is_answered_with_and_without_the_port() -> None:
    from charlm.server.guard import hosts_for

    hosts = hosts_for(["192.168.1.5"], ["Example.org"], 8080)
    assert hosts >= {"example.org", "example.org:8080", "192.168.1.5:8080", "localhost:8080", "[::1]:8080"}
    assert not hosts & {"192.168.1.5", "localhost"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": "nope"}, "there is no model 'nope', only lines, stream, stream-subword, counted and films"),
    ({}, "name a model: lines, stream, stream-subword, counted and films"),
    ({"model": 3}, "model must be a text"),
    ({"model": "films"}, "films is a classifier, which cannot do this; send it to /predict"),
    ({"model": "lines", "max_token": 3}, "there is no field 'max_token'; did you mean max_tokens?"),
    ({"model": "lines", "prompt": 3}, "prompt must be a text, a list of token ids, or a list of these"),
    ({"model": "lines", "prompt": ["a", 3]}, "prompt must be a text, a list of token ids, or a list of these"),
    ({"model": "lines", "prompt": [99]}, "prompt has the token id 99; the vocabulary has the ids 0 to"),
    ({"model": "lines", "prompt": "a\nb"}, "has a newline; a line model continues a single line"),
    ({"model": "lines", "prompt": "\ud800"}, "prompt has half of a UTF-16 character"),
    ({"model": "lines", "max_tokens": 5000}, "max_tokens is 5000; it must be at least 0 and at most 4096"),
    ({"model": "lines", "max_tokens": "3"}, "max_tokens is '3'; it must be a whole number"),
    ({"model": "lines", "temperature": -1}, "temperature is -1; it must be at least 0"),
    ({"model": "lines", "top_p": 0}, "top_p is 0; it must be more than 0 and at most 1"),
    ({"model": "lines", "n": 300}, "n is 300; it must be at least 1 and at most 256"),
    ({"model": "lines", "prompt": ["a"] * 3, "n": 100}, "3 prompts with n=100 exceed 256 completions"),
    ({"model": "lines", "seed": -1}, "seed is -1; it must be at least 0"),
    ({"model": "lines", "stop": [1]}, "stop must be a text"),
    ({"model": "lines", "stop": ""}, "stop must not be empty"),
    ({"model": "lines", "stream": 1}, "stream must be true or false"),
    ({"model": "lines", "stream_options": 1}, "stream_options must be an object"),
    ({"model": "lines", "logprobs": 21}, "logprobs is 21; it must be at least 0 and at most 20"),
    ({"model": "lines", "best_of": 2}, "best_of must equal n; use n"),
    ({"model": "lines", "presence_penalty": 1}, "presence_penalty is not supported; leave it out"),
    ({"model": "lines", "unknown": "x"}, "unknown"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[f"{number}" for number in range(len(WRONG))])
def test_a_wrong_field_is_named_in_one_sentence(server: Address, fields: dict[str, Any], message: str) -> None:
    reply = server.post("/v1/completions", **fields)
    assert reply.status == (404 if fields.get("model") == "nope" else 400)
    assert message in reply.values["error"]["message"]


def test_null_and_the_values_that_ask_for_nothing_are_accepted(server: Address) -> None:
    nothing = {
        "suffix": None,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "user": "me",
        "best_of": 1,
    }
    assert server.post("/v1/completions", model="lines", prompt=None, max_tokens=1, **nothing).status == 200


def test_limits_are_answered_by_their_status(served_stream: charlm.LanguageModel) -> None:
    with serving([served_stream], body=1000, prompt=10, tokens=5, choices=2, open=2) as address:
        body = b'{"text": "' + b"a" * 2000 + b'"}'
        for sent in (body, iter([body[:1500], body[1500:]])):  # the second has no length, and comes in pieces
            reply = address.send("POST", "/score", sent, JSON)
            assert refused(reply, 413, "body_too_large") == "the body has more than 1,000 bytes"
        reply = address.post("/v1/completions", prompt="In the beginning")
        assert "16 tokens; the limit is 10" in refused(reply, 400, "context_length_exceeded")
        assert "16 tokens; the limit is 10" in refused(
            address.post("/score", text="In the beginning"), 400, "context_length_exceeded"
        )
        assert "at most 5" in refused(address.post("/v1/completions", max_tokens=6), 400)
        assert "the limit is 2" in refused(address.post("/score", text=["a"] * 3), 400)
        waiting = [_half_sent(address) for _ in range(2)]
        until = time.monotonic() + 10
        while (reply := address.post("/v1/completions", max_tokens=1)).status == 200 and time.monotonic() < until:
            time.sleep(0.01)
        assert "2 requests are open" in refused(reply, 429, "rate_limit_exceeded")
        assert reply.headers["retry-after"] == "1" and address.get("/healthz").status == 200
        for each in waiting:
            each.close()
        while address.post("/v1/completions", max_tokens=1).status == 429 and time.monotonic() < until:
            time.sleep(0.01)
        assert address.post("/v1/completions", max_tokens=1).status == 200


def test_time_has_a_limit_too(served_stream: charlm.LanguageModel) -> None:
    with serving([served_stream], seconds=0.3, tokens=10**9) as address:
        waiting = _half_sent(address)
        assert b" 408 " in waiting.recv(4096)
        waiting.close()
        refused(address.post("/v1/completions", max_tokens=10**9), 504, "timeout")
        reply = address.post("/v1/completions", max_tokens=10**9, stream=True)
        assert reply.status == 200 and reply.events[-1]["error"]["code"] == "timeout"


def test_a_client_that_vanishes_leaves_the_batch(served_stream: charlm.LanguageModel) -> None:
    batch_sizes: list[int] = []
    with serving([served_stream], tokens=10**9) as address:
        for stream in (False, True):
            body = json.dumps({"max_tokens": 10**9, "stream": stream}).encode()
            client = _half_sent(address, body, whole=True)
            time.sleep(0.2)
            client.close()
        until = time.monotonic() + 10
        while (size := address.batches[0].size) and time.monotonic() < until:
            time.sleep(0.02)
        batch_sizes.append(size)
    assert batch_sizes == [0]


def test_a_slow_reader_holds_up_nobody(served_stream: charlm.LanguageModel) -> None:
    with serving([served_stream], tokens=100_000) as address:
        body = json.dumps({"max_tokens": 100_000, "stream": True, "logprobs": 5}).encode()
        slow = _half_sent(address, body, whole=True)  # and nothing is read
        try:
            for seed in range(5):
                reply = address.post("/v1/completions", prompt="In", max_tokens=20, seed=seed)
                assert reply.values["choices"][0]["text"] == served_stream.sample("In", length=20, seed=seed)[0].text
        finally:
            slow.close()


def test_the_log_has_nothing_of_a_prompt_unless_asked(
    served_lines: charlm.LanguageModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "charlm.server")
    for asked in (False, True):
        caplog.clear()
        with serving([served_lines], log_prompts=asked) as address:
            address.post("/v1/completions", prompt="the ca", max_tokens=2)
            address.post("/v1/completions", prompt="the ca\x1bé", max_tokens=2)
            address.get("/secret%1b[31m")
        assert ("the ca" in caplog.text) is asked
        assert "\x1b" not in caplog.text and "GET /secret\\x1b[31m 404" in caplog.text


def test_control_characters_are_escaped_in_an_answer(server: Address) -> None:
    reply = server.post("/v1/completions", model="lines", prompt="a\x1b\u009b\u202e", max_tokens=0, echo=True)
    assert reply.values["choices"][0]["text"] == "a\x1b\u009b\u202e"
    assert all(0x20 <= byte < 0x7F for byte in reply.body)


def _half_sent(address: Address, body: bytes = b"{}", *, whole: bool = False) -> socket.socket:
    """A connection on which a request was sent, but not its body unless `whole`."""
    client = socket.create_connection(("127.0.0.1", address.port), timeout=20)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{address.port}\r\nContent-Type: application/json\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + (body if whole else b""))
    return client
