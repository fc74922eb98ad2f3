"""Model folders made to do harm, signed with true checksums: every command refuses them, and nothing else happens."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tally
from conftest import LINES

CONFIG, TOKENIZER, WEIGHTS, PLAN = "config.json", "tokenizer.json", "model.safetensors", "plan.json"
FIRST = "cells.0.bias_hh"
Header = dict[str, Any]


def sign(folder: Path, change: Callable[[Header, bytearray], object] = lambda header, data: None) -> None:
    """Change the header and the data of the weights, and state the checksums of all three files as they then are."""
    blob = (folder / WEIGHTS).read_bytes()
    end = 8 + int.from_bytes(blob[:8], "little")
    header, data = json.loads(blob[8:end]), bytearray(blob[end:])
    change(header, data)
    metadata = header.pop("__metadata__", {})
    for name in (CONFIG, TOKENIZER):
        metadata[f"sha256_{Path(name).stem}"] = sha256((folder / name).read_bytes()).hexdigest()
    metadata["sha256_tensors"] = sha256(json.dumps(header, sort_keys=True).encode() + data).hexdigest()
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data)


def weights(change: Callable[[Header, bytearray], object]) -> Callable[[Path], None]:
    return lambda folder: sign(folder, change)


def tensor(name: str = FIRST, **values: object) -> Callable[[Path], None]:
    """Say something else of a tensor in the header."""
    return weights(lambda header, data: header[name].update(values))


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Replace a whole JSON file."""

    def write(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        sign(folder)

    return write


def edited(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace what stands once in a JSON file."""

    def write(folder: Path) -> None:
        content = (folder / name).read_text()
        assert old in content
        text(name, content.replace(old, new, 1))(folder)

    return write


def linked(name: str) -> Callable[[Path], None]:
    """A symbolic link in place of a file, to the very same content."""

    def link(folder: Path) -> None:
        elsewhere = folder.parent.parent / "elsewhere" / folder.name
        elsewhere.parent.mkdir(exist_ok=True)
        os.rename(folder / name, elsewhere)
        (folder / name).symlink_to(elsewhere)

    return link


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something that is no file under the name of one."""

    def replace(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return replace


PICKLE = b"\x80\x04cposix\nsystem\n(S'touch pwned'\ntR."
A_TENSOR = b'"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
TWICE = b"{" + A_TENSOR + b"," + A_TENSOR + b"}"


def raw(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def characters(value: object) -> Callable[[Path], None]:
    return text(TOKENIZER, json.dumps({"characters": value}))


HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a pickle under the name of the weights": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(PICKLE))),
    "a pickle behind a header": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(raw(b"{}") + PICKLE))),
    "a pickle as configuration": (CONFIG, text(CONFIG, PICKLE)),
    "a pickle as vocabulary": (TOKENIZER, text(TOKENIZER, PICKLE)),
    "a header longer than the file": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(b"\xff" * 16))),
    "a header of deep JSON": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(raw(b'{"a":' * 10**5)))),
    "a tensor twice": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(raw(TWICE)))),
    "a header that is a list": (WEIGHTS, instead(WEIGHTS, lambda path: path.write_bytes(raw(b"[]")))),
    "metadata that is a list": (
        WEIGHTS,
        instead(WEIGHTS, lambda path: path.write_bytes(raw(b'{"__metadata__":[]}'))),
    ),
    "metadata of numbers": (WEIGHTS, weights(lambda header, data: header["__metadata__"].update(step=7))),
    "metadata of objects": (WEIGHTS, weights(lambda header, data: header["__metadata__"].update(step={"a": []}))),
    "no tensors": (WEIGHTS, weights(lambda header, data: [header.pop(name) for name in list(header)] + [data.clear()])),
    "a missing tensor": (WEIGHTS, weights(lambda header, data: header.pop("readout.bias"))),
    "an extra tensor without data": (
        WEIGHTS,
        weights(lambda header, data: header.update(x={"dtype": "F32", "shape": [0], "data_offsets": [len(data)] * 2})),
    ),
    "a tensor of a huge shape of nothing": (
        WEIGHTS,
        weights(lambda h, data: h.update(x={"dtype": "F32", "shape": [2**50, 0], "data_offsets": [len(data)] * 2})),
    ),
    "a tensor whose name drives the terminal": (
        WEIGHTS,
        weights(lambda header, data: header.update({"\x1b[2J\n": header.pop(FIRST)})),
    ),
    "a renamed tensor": (WEIGHTS, weights(lambda header, data: header.update(bias=header.pop(FIRST)))),
    "a tensor of no shape": (WEIGHTS, tensor(shape=[])),
    "a turned shape": (WEIGHTS, tensor("readout.weight", shape=[16, 17])),
    "a shape that is too large": (WEIGHTS, tensor(shape=[2**62])),
    "a shape that overflows": (WEIGHTS, tensor(shape=[2**32, 2**32, 2**32])),
    "a negative shape": (WEIGHTS, tensor(shape=[-48])),
    "a shape of fractions": (WEIGHTS, tensor(shape=[48.0])),
    "a shape of words": (WEIGHTS, tensor(shape=["48"])),
    "a dtype that is a number": (WEIGHTS, tensor(dtype=7)),
    "negative offsets": (WEIGHTS, tensor(data_offsets=[-192, 0])),
    "offsets the wrong way round": (WEIGHTS, tensor(data_offsets=[192, 0])),
    "offsets behind the end": (WEIGHTS, tensor(data_offsets=[2**40, 2**40 + 192])),
    "offsets that overlap": (WEIGHTS, tensor("cells.0.bias_ih", data_offsets=[0, 192])),
    "three offsets": (WEIGHTS, tensor(data_offsets=[0, 96, 192])),
    "data left over": (WEIGHTS, weights(lambda header, data: data.extend(b"\0" * 64))),
    "a hole in the data": (WEIGHTS, weights(lambda header, data: data.insert(0, 0))),
    **{
        f"numbers of the type {dtype}": (WEIGHTS, tensor(dtype=dtype, shape=[192 * 8 // bits]))
        for dtype, bits in {"F64": 64, "BF16": 16, "F16": 16, "I8": 8, "U64": 64, "F8_E4M3": 8, "F4": 4}.items()
    },
    "integers in place of weights": (WEIGHTS, tensor(dtype="I32")),
    "a NaN": (WEIGHTS, weights(lambda header, data: data.__setitem__(slice(0, 4), b"\0\0\xc0\x7f"))),
    "an infinity": (WEIGHTS, weights(lambda header, data: data.__setitem__(slice(0, 4), b"\0\0\x80\xff"))),
    "a truth value that is none": (
        WEIGHTS,
        weights(lambda header, data: data.__setitem__(slice(6692, 6693), b"\x07")),
    ),
    **{f"a link to {name}": (name, linked(name)) for name in (CONFIG, TOKENIZER, WEIGHTS)},
    **{
        f"a folder named {name}": (name, instead(name, lambda path: path.mkdir()))
        for name in (CONFIG, TOKENIZER, WEIGHTS)
    },
    "a device as weights": (WEIGHTS, instead(WEIGHTS, lambda path: path.symlink_to("/dev/zero"))),
    **{
        f"a pipe named {name}": (name, instead(name, lambda path: os.mkfifo(path)))
        for name in (CONFIG, TOKENIZER, WEIGHTS)
    },
    "a configuration with a key twice": (CONFIG, edited(CONFIG, '"layers": 1', '"layers": 1, "layers": 1')),
    "a configuration with NaN": (CONFIG, edited(CONFIG, '"layers": 1', '"layers": NaN')),
    "a configuration with infinity": (CONFIG, edited(CONFIG, '"layers": 1', '"layers": -Infinity')),
    "a configuration with an infinite number": (CONFIG, edited(CONFIG, '"layers": 1', '"layers": 1e999')),
    "a configuration with too many digits": (CONFIG, edited(CONFIG, '"layers": 1', f'"layers": {"1" * 5000}')),
    "a configuration that nests": (CONFIG, edited(CONFIG, '"layers": 1', f'"layers": {"[" * 10**5}{"]" * 10**5}')),
    "a configuration that names a file": (CONFIG, edited(CONFIG, '"tokenizer": "char"', '"tokenizer": "../../../x"')),
    "a configuration that names a module": (CONFIG, edited(CONFIG, '"cell": "gru"', '"cell": "os.path"')),
    "a configuration that names its weights": (
        CONFIG,
        edited(CONFIG, '"cell": "gru"', '"cell": "gru", "weights": "../other/model.safetensors"'),
    ),
    "a configuration that is not UTF-8": (CONFIG, text(CONFIG, b'{"format_version": "\xff"}')),
    "an empty configuration": (CONFIG, text(CONFIG, b"")),
    "a configuration that drives the terminal": (CONFIG, edited(CONFIG, '"cell"', '"\\u001b[2J\\n\\u0007": 1, "cell"')),
    "a configuration with a long name": (CONFIG, edited(CONFIG, '"cell"', f'"{"x" * 10**6}": 1, "cell"')),
    "a configuration with a long value": (CONFIG, edited(CONFIG, '"cell": "gru"', f'"cell": "{"x" * 10**6}"')),
    "a configuration that swells": (CONFIG, text(CONFIG, b"[" + b"[]," * 10**7 + b"[]]")),
    "a vocabulary that is a list": (TOKENIZER, characters(list("abc"))),
    "a vocabulary of numbers": (TOKENIZER, characters(7)),
    "a vocabulary out of order": (TOKENIZER, characters("cab")),
    "a vocabulary with a character twice": (TOKENIZER, characters("aabc")),
    "a vocabulary with more in it": (TOKENIZER, text(TOKENIZER, '{"characters": "abc", "merges": ["../../x"]}')),
    "a vocabulary with a name twice": (TOKENIZER, text(TOKENIZER, '{"characters": "abc", "characters": "abd"}')),
    "a vocabulary that nests": (TOKENIZER, text(TOKENIZER, f'{{"characters": {"[" * 10**5}')),
    "a vocabulary of another size": (TOKENIZER, characters("".join(map(chr, range(32, 70_000))))),
}
# What `info` alone reads: how the model was trained and how well it does.
FOR_INFO: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a link to the plan": (PLAN, linked(PLAN)),
    "a plan that is a pickle": (PLAN, text(PLAN, PICKLE)),
    "a plan that nests": (PLAN, text(PLAN, "[" * 10**5)),
    "a plan with NaN": (PLAN, edited(PLAN, '"clip": 1.0', '"clip": NaN')),
    "a plan of endless steps": (PLAN, edited(PLAN, '"steps": 40,\n "val', f'"steps": {10**30},\n "val')),
    **{
        f"a validation that is {kind}": (
            WEIGHTS,
            weights(lambda header, data, value=value: header["__metadata__"].update(validation=value)),  # type: ignore[misc]
        )
        for kind, value in {
            "a list": "[]",
            "no JSON": "{",
            "deep": "[" * 10**5,
            "of words": '{"nats_per_token": "low", "bits_per_char": "low", "tokens": "few"}',
        }.items()
    },
    "a step that is a word": (WEIGHTS, weights(lambda header, data: header["__metadata__"].update(step="last"))),
    "a corpus of numbers": (CONFIG, edited(CONFIG, '"files": [', '"files": [7, ')),
}
COMMANDS = (["info"], ["score", "the cat"], ["sample", "--length=5"], ["evaluate", "text"])

# Every event that runs what a file says, starts a program or reaches the network ends the process at once.
CHILD = """
import contextlib, io, json, os, resource, sys
from pathlib import Path
from charlm import cli
good, commands, *folders = sys.argv[1:]
def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main([*arguments])
        except SystemExit as ended:
            return ended.code, out.getvalue(), err.getvalue()
for command in json.loads(commands):
    assert run(*command, "--model", good)[0] == 0, command
forbidden = ("pickle.", "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork")
def judge(event, arguments):
    if event.startswith(forbidden):
        print(json.dumps([event]), flush=True)
        os._exit(99)
sys.addaudithook(judge)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28,) * 2)
for folder in folders:
    print(json.dumps([run(*command, "--model", folder) for command in json.loads(commands)]), flush=True)
"""


@pytest.fixture(scope="module")
def answers(line_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, str, str]]]:
    """What each command answers to each folder, in one process that may take 256 MiB and must not run anything."""
    place = tmp_path_factory.mktemp("hostile")
    (place / "text").write_text(LINES)
    kinds = HOSTILE | FOR_INFO
    for number, (_, change) in enumerate(kinds.values()):
        (place / "models").mkdir(exist_ok=True)
        change(shutil.copytree(line_folder, place / "models" / str(number)))
    folders = [place / "models" / str(number) for number in range(len(kinds))]
    command = [sys.executable, "-c", CHILD, line_folder, json.dumps(COMMANDS), *folders]
    done = subprocess.run(command, cwd=place, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:]
    assert sorted(os.listdir(place)) == ["elsewhere", "models", "text"], "nothing was written"
    return dict(zip(kinds, map(json.loads, done.stdout.splitlines()), strict=True))


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to limit and measure memory")


def check_refusal(answer: tuple[int, str, str], name: str) -> None:
    code, out, err = answer
    assert (code, out) == (3, ""), err[-300:]
    (line,) = err.splitlines()
    assert line.isprintable()
    assert line.startswith("error: ") and name in line and len(line) < 1000
    tally.count("bad files tried")


@linux
@pytest.mark.parametrize("kind", HOSTILE)
def test_every_command_refuses_it_in_one_sentence(answers: dict[str, Any], kind: str) -> None:
    for answer in answers[kind]:
        check_refusal(answer, HOSTILE[kind][0])


@linux
@pytest.mark.parametrize("kind", FOR_INFO)
def test_info_refuses_what_it_alone_reads(answers: dict[str, Any], kind: str) -> None:
    check_refusal(answers[kind][0], FOR_INFO[kind][0])
