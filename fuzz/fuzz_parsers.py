"""Feed whatever libFuzzer thinks of to every parser of charlm: nothing but charlm's own errors may come out.

    python fuzz/fuzz_parsers.py [options of libFuzzer, such as -max_total_time=60] [a folder of inputs found before]

The first byte of an input chooses the parser, the rest is the file. `tests/test_fuzz.py` calls the same parsers.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FunctionType

from charlm.checkpoints import training_state
from charlm.checkpoints.checkpoint import describe
from charlm.data import vocabulary
from charlm.data.documents import document_from_bytes
from charlm.errors import CharlmError
from charlm.files.atomic import to_json
from charlm.files.tensors import unpack
from charlm.plan import plan_from, read_plan

PLACE = Path(tempfile.mkdtemp(prefix="charlm-fuzz-"))
STATE, VALUES, MANIFEST = "state.safetensors", "state.json", "manifest.json"
EMPTY = b"\x08\0\0\0\0\0\0\0{}      "


def config(data: bytes) -> None:
    (PLACE / "config.json").write_bytes(data)
    describe(PLACE)


def tokenizer(data: bytes) -> None:
    """What is read as a vocabulary can be written again, and decodes what it encodes."""
    (PLACE / "tokenizer.json").write_bytes(data)
    found = vocabulary.read(PLACE / "tokenizer.json")
    assert vocabulary.rebuild(vocabulary.describe(found)).size == found.size
    text = "".join(symbol for symbol in found.token_texts(range(found.size)) if symbol)
    found.decode(found.encode(text))


def plan(data: bytes) -> None:
    """A plan that was read can be written again."""
    (PLACE / "plan.json").write_bytes(data)
    to_json(read_plan(PLACE / "plan.json").to_json())


def tensors(data: bytes) -> None:
    unpack(PLACE / "model.safetensors", data)


def signed_tensors(data: bytes) -> None:
    """A header of any content over data of any content, under a checksum that is true."""
    text, _, rest = data.partition(b"\n")
    try:
        header = json.loads(text)
        plain = json.dumps(header, sort_keys=True).encode()
    except (ValueError, RecursionError):
        return
    if isinstance(header, dict) and "__metadata__" not in header:
        signed = json.dumps({"__metadata__": {"sha256_tensors": sha256(plain + rest).hexdigest()}, **header}).encode()
        unpack(PLACE / "model.safetensors", len(signed).to_bytes(8, "little") + signed + rest)


def state(files: dict[str, bytes]) -> None:
    """A trainer's state of three files; one that is not whole is passed over, with a sentence."""
    place = PLACE / "steps" / "7"
    place.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    saved, damaged = training_state.newest(PLACE)
    assert saved is not None or len(damaged) == 1
    if saved is not None:
        assert type(saved.step) is int
        plan_from(saved.values.get("plan"), place)


def manifest(data: bytes) -> None:
    state({STATE: EMPTY, VALUES: b"{}", MANIFEST: data})


def values(data: bytes) -> None:
    """The state's values, under a manifest that is true."""
    blobs = {STATE: EMPTY, VALUES: data}
    files = {name: {"bytes": len(blob), "sha256": sha256(blob).hexdigest()} for name, blob in blobs.items()}
    state(blobs | {MANIFEST: json.dumps({"format_version": 1, "step": 7, "files": files}).encode()})


def corpus(data: bytes) -> None:
    """What is read is what was there, but for a mark in front, which is told."""
    notes: list[str] = []
    document = document_from_bytes("text", data, notes)
    mark = b"\xef\xbb\xbf"
    assert document.text.encode() == data.removeprefix(mark) and bool(notes) == data.startswith(mark)


PARSERS: tuple[Callable[[bytes], None], ...] = (
    config,
    tokenizer,
    plan,
    tensors,
    signed_tensors,
    manifest,
    values,
    corpus,
)


def feed(parser: Callable[[bytes], None], data: bytes) -> bool:
    """Whether a parser took the data; one of charlm's own errors is a refusal, any other comes out."""
    try:
        parser(data)
    except CharlmError as error:
        assert str(error)
        return False
    return True


def main() -> None:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed (pip install atheris): the parsers are not fuzzed", file=sys.stderr)
        return

    def one(data: bytes) -> None:
        if data:
            feed(PARSERS[data[0] % len(PARSERS)], data[1:])

    os.chdir(PLACE)  # where libFuzzer leaves what it finds, unless it is told another place
    for parser in PARSERS:
        atheris.instrument_func(parser)
    for name, module in list(sys.modules.items()):  # not torch, which would take minutes
        if name.partition(".")[0] == "charlm":
            for each in vars(module).values():
                if isinstance(each, FunctionType) and each.__module__ == name:
                    atheris.instrument_func(each)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
