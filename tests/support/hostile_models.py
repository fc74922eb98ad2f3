"""Model folders made to do harm: what each is called, the file that is to blame, and how it is made of a whole one.

Where it is not said otherwise their checksums are true, so that what is behind these is tested too.
"""

import json
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

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


def sized(key: str, value: str) -> Callable[[Path], None]:
    """Another size, or anything in its place, in the configuration."""

    def write(folder: Path) -> None:
        content, found = re.subn(rf'("{key}": )[^,\n]+', rf"\g<1>{value}", (folder / CONFIG).read_text())
        assert found == 1
        text(CONFIG, content)(folder)

    return write


def endless(name: str) -> Callable[[Path], None]:
    """A gigabyte behind a file, as a hole, which takes no room on the disk."""
    return lambda folder: os.truncate(folder / name, 2**30)


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


def without(header: Header, data: bytearray) -> None:
    """A file that is whole, but for its last tensor."""
    name = max(set(header) - {"__metadata__"}, key=lambda name: header[name]["data_offsets"])
    start, end = header.pop(name)["data_offsets"]
    del data[start:end]


def characters(value: object) -> Callable[[Path], None]:
    return text(TOKENIZER, json.dumps({"characters": value}))


def subwords(*pieces: tuple[object, object]) -> Callable[[Path], None]:
    """A model of subwords, with these beside the bytes and the space."""

    def write(folder: Path) -> None:
        edited(CONFIG, '"tokenizer": "char"', '"tokenizer": "subword"')(folder)
        names, scores = zip(*((each, 0) for each in range(256)), (" ", 0), *pieces, strict=True)
        values = {"model_type": "unigram", "pieces": names, "scores": scores}
        text(TOKENIZER, json.dumps(values))(folder)

    return write


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
    "a missing tensor": (WEIGHTS, weights(without)),
    "a tensor's data without the tensor": (WEIGHTS, weights(lambda header, data: header.pop("readout.bias"))),
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
    **{
        f"a configuration with {key} of {value}": (CONFIG, sized(key, value))
        for key, values in {
            "hidden_size": ["1000000000", "-1", "0", "1e308", '"16"', "[16]"],
            "layers": ["-1", "1000", "1.5", "true"],
            "embedding_size": ["1e9", "65537"],
            "vocabulary_size": ["1099511627776", "16777216", "-1"],
            "dropout": ["NaN", "1e308", "-1", '"0"'],
        }.items()
        for value in values
    },
    **{  # which the weights are not
        f"a configuration with {key} of {value}": (WEIGHTS, sized(key, value))
        for key, value in {"hidden_size": "65536", "layers": "64", "embedding_size": "65536"}.items()
    },
    **{f"a gigabyte under the name {name}": (name, endless(name)) for name in (CONFIG, TOKENIZER, WEIGHTS)},
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
    "subwords with an endless piece": (TOKENIZER, subwords(("a" * 10**5, 0))),
    "subwords with a piece twice": (TOKENIZER, subwords(("a", 0), ("a", -1))),
    "subwords with a score beyond numbers": (TOKENIZER, subwords(("a", 10**400))),
    "a million subwords too many": (TOKENIZER, subwords(*[(7, 0)] * 10**6)),
    "subwords of another size": (TOKENIZER, subwords(*((chr(number), 0) for number in range(0x3400, 0x4400)))),
    "a vocabulary of another size": (TOKENIZER, characters("".join(map(chr, range(32, 70_000))))),
}
# What `info` alone reads: how the model was trained and how well it does.
FOR_INFO: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a link to the plan": (PLAN, linked(PLAN)),
    "a plan that is a pickle": (PLAN, text(PLAN, PICKLE)),
    "a plan that nests": (PLAN, text(PLAN, "[" * 10**5)),
    "a gigabyte under the name of the plan": (PLAN, endless(PLAN)),
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
