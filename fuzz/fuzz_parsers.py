"""Feed the inputs of libFuzzer to every parser of charlm, which may raise only charlm's own errors.

    python fuzz/fuzz_parsers.py [options of libFuzzer, such as -max_total_time=60] [folder of inputs of earlier runs]

The first byte of an input chooses the parser; the rest is the file. `tests/reliability/test_fuzz.py` calls the same
parsers.
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
from charlm.files.origin import Origin
from charlm.files.tensors import unpack
from charlm.plan import plan_from, read_plan
from charlm.raw_bytes import to_bytes

FOLDER = Path(tempfile.mkdtemp(prefix="charlm-fuzz-"))
STATE, VALUES, MANIFEST = "state.safetensors", "state.json", "manifest.json"
EMPTY = b"\x08\0\0\0\0\0\0\0{}      "


def config(data: bytes) -> None:
    (FOLDER / "config.json").write_bytes(data)
    describe(FOLDER)


def tokenizer(data: bytes) -> None:
    """Check that a vocabulary that can be read can also be written, and can decode what it encodes."""
    (FOLDER / "tokenizer.json").write_bytes(data)
    read = vocabulary.read(FOLDER / "tokenizer.json")
    assert vocabulary.rebuild(vocabulary.describe(read)).size == read.size
    text = "".join(token for token in read.token_texts(range(read.size)) if token)
    read.decode(read.encode(text))


def plan(data: bytes) -> None:
    """Check that a plan that can be read can also be written."""
    (FOLDER / "plan.json").write_bytes(data)
    to_json(read_plan(FOLDER / "plan.json").to_json())


def tensors(data: bytes) -> None:
    unpack(FOLDER / "model.safetensors", data)


def signed_tensors(data: bytes) -> None:
    """Read a tensor file with any header and any data, under a correct checksum."""
    text, _, rest = data.partition(b"\n")
    try:
        header = json.loads(text)
        plain = json.dumps(header, sort_keys=True).encode()
    except (ValueError, RecursionError):
        return
    if isinstance(header, dict) and "__metadata__" not in header:
        signed = json.dumps({"__metadata__": {"sha256_tensors": sha256(plain + rest).hexdigest()}, **header}).encode()
        unpack(FOLDER / "model.safetensors", len(signed).to_bytes(8, "little") + signed + rest)


def state(files: dict[str, bytes]) -> None:
    """Read a trainer's state of three files; a damaged one is skipped with a message."""
    folder = FOLDER / "steps" / "7"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    saved, damaged = training_state.newest(FOLDER)
    assert saved is not None or len(damaged) == 1
    if saved is not None:
        assert type(saved.step) is int
        plan_from(saved.values.get("plan"), folder)


def manifest(data: bytes) -> None:
    state({STATE: EMPTY, VALUES: b"{}", MANIFEST: data})


def values(data: bytes) -> None:
    """Read a state with any values, under a correct manifest."""
    blobs = {STATE: EMPTY, VALUES: data}
    files = {name: {"bytes": len(blob), "sha256": sha256(blob).hexdigest()} for name, blob in blobs.items()}
    state(blobs | {MANIFEST: json.dumps({"format_version": 1, "step": 7, "files": files}).encode()})


def corpus(data: bytes) -> None:
    """Check that a document keeps its bytes except a byte order mark, which is noted, whether they are UTF-8 or not."""
    mark, marked = b"\xef\xbb\xbf", "begins with a byte order mark"
    for any_bytes in (True, False):
        notes: list[str] = []
        document = document_from_bytes(Origin("text"), data, notes, any_bytes=any_bytes)
        assert to_bytes(document.text) == data.removeprefix(mark)
        assert any(marked in note for note in notes) == data.startswith(mark)


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
    """Return whether a parser accepts the data; False for one of charlm's errors. Any other error is raised."""
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
        print("atheris is not installed, so nothing is fuzzed; run pip install atheris", file=sys.stderr)
        return

    def one(data: bytes) -> None:
        if data:
            feed(PARSERS[data[0] % len(PARSERS)], data[1:])

    os.chdir(FOLDER)  # libFuzzer writes its findings to the current folder by default
    for parser in PARSERS:
        atheris.instrument_func(parser)
    for name, module in list(sys.modules.items()):  # but not torch, which would take minutes
        if name.partition(".")[0] == "charlm":
            for each in vars(module).values():
                if isinstance(each, FunctionType) and each.__module__ == name:
                    atheris.instrument_func(each)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
