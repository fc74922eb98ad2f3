"""Every parser is fed with files nobody would write: nothing but charlm's own errors comes out."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import counters as tally
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.config_file import kind

sys.path.insert(0, str(Path(__file__).parents[2] / "fuzz"))
import fuzz_parsers

EXAMPLES = 120
# JSON that is near to what charlm writes: its names, and values of every type at the edges of what they may be.
WORDS = """
    format_version charlm_version kind model vocabulary_size corpus tokenizer sequence embedding embedding_size cell
    activation hidden_size layers dropout characters train steps validations revisions halved_at step files bytes sha256
    state.safetensors state.json plan best metrics seconds learning_seconds smoothed dtype shape data_offsets a
"""
NAMES = sorted(WORDS.split())
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.sampled_from([2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 0.0, -0.0, 1e308, 5e-324, float("inf")]),
    st.sampled_from(
        ["char", "gru", "learned", "line", "auto", "F32", "BOOL", "I8", "", "\ud800", "../x", kind("language")]
    ),
    st.text(max_size=5),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
)


def near(valid: Any) -> st.SearchStrategy[bytes]:
    """What is valid with one place of it changed, or JSON of any kind, or any bytes."""
    spots: list[tuple[Any, ...]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        spots.append(path)
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            walk(inner, (*path, key))

    def changed(path: tuple[Any, ...], value: Any) -> bytes:
        copy = json.loads(json.dumps(valid))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        if path:
            inner[path[-1]] = value
        return json.dumps(copy if path else value).replace("Infinity", "1e999").encode()

    walk(valid, ())
    whole = json.dumps(valid).encode()
    cut = st.integers(0, len(whole)).map(lambda length: whole[:length])
    return st.builds(changed, st.sampled_from(spots), JSON) | JSON.map(lambda v: json.dumps(v).encode()) | cut | ANY


ANY = st.binary(max_size=60)
PLAN = {
    "model": {
        "tokenizer": "char",
        "sequence": "line",
        "embedding": "learned",
        "embedding_size": 4,
        "cell": "gru",
        "activation": None,
        "hidden_size": 4,
        "layers": 1,
        "dropout": 0.0,
    },
    "train": {
        "batch_size": 4,
        "seq_len": 8,
        "learning_rate": 0.004,
        "clip": 1.0,
        "weight_decay": 0.1,
        "minutes": None,
        "epochs": None,
        "steps": 9,
        "valid_fraction": 0.1,
        "seed": 0,
        "device": "cpu",
        "threads": 1,
        "save_every": 90.0,
        "precision": "auto",
    },
    "steps": 9,
    "validations": 2,
    "revisions": [[3, 8], [4, 7]],
    "halved_at": None,
}
CONFIG = {
    "format_version": 1,
    "charlm_version": "0.1.0",
    "kind": kind("language"),
    "model": PLAN["model"],
    "vocabulary_size": 7,
    "corpus": {"files": ["a"], "held_out": [], "characters": 9, "sequences": 2, "sha256": "0"},
}
FILE = {"bytes": 2, "sha256": "0"}
MANIFEST = {"format_version": 1, "step": 7, "files": {"state.safetensors": FILE, "state.json": FILE}}
HEADER = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BOOL", "shape": [4], "data_offsets": [24, 28]},
}
VOCABULARY = {"kind": "charlm tokenizer", "format_version": 1}
KINDS: dict[str, dict[str, Any]] = {
    "char": {"characters": "abcd"},
    "byte": {"bytes": 256},
    "word": {"words": ["the", " ", "a"], "closed": True},
    "subword": {"model_type": "bpe", "pieces": [*range(256), " ", "the"], "scores": [-1.0] * 258},
}
FILES: dict[str, st.SearchStrategy[bytes]] = {
    "config": near(CONFIG),
    "tokenizer": st.one_of([near({**VOCABULARY, "tokenizer": kind, **values}) for kind, values in KINDS.items()]),
    "plan": near(PLAN),
    "tensors": st.builds(lambda size, rest: size.to_bytes(8, "little") + rest, st.integers(0, 2**64 - 1), near(HEADER)),
    "signed_tensors": st.builds(lambda header, data: header + b"\n" + data, near(HEADER), st.just(b"\0" * 28) | ANY),
    "manifest": near(MANIFEST),
    "values": near({"plan": PLAN, "corpus": "0", "step": 7}),
    "corpus": st.one_of(ANY, st.text().map(str.encode), ANY.map(lambda data: b"\xef\xbb\xbf" + data)),
}


def test_every_parser_of_the_harness_is_fed() -> None:
    assert {parser.__name__ for parser in fuzz_parsers.PARSERS} == set(FILES)


@pytest.mark.parametrize("parser", fuzz_parsers.PARSERS, ids=lambda parser: parser.__name__)
def test_nothing_but_its_own_errors_comes_out(parser: Callable[[bytes], None]) -> None:
    @settings(derandomize=True, deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(FILES[parser.__name__])
    def fed(data: bytes) -> None:
        fuzz_parsers.feed(parser, data)
        tally.count("files fuzzed")

    fed()


# unsigned: whatever happens to a byte

CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, PLAN_FILE = "config.json", "tokenizer.json", "model.safetensors", "plan.json"
READERS = {CONFIG_FILE: charlm.load, TOKENIZER_FILE: charlm.load, WEIGHTS_FILE: charlm.load, PLAN_FILE: describe}


def places(content: bytes, name: str) -> list[int]:
    """Every place of a JSON file and of the weights' header; of their data every 13th."""
    whole = len(content) if name != WEIGHTS_FILE else 8 + int.from_bytes(content[:8], "little")
    return [*range(whole), *range(whole, len(content), 13)]


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_at_any_length_is_refused_by_name(line_folder: Path, tmp_path: Path, name: str) -> None:
    """The newline that ends the plan is no part of its JSON."""
    folder = shutil.copytree(line_folder, tmp_path / "m")
    content = (folder / name).read_bytes()
    lengths = places(content[: -1 if name == PLAN_FILE else None], name)
    for length in lengths:
        (folder / name).write_bytes(content[:length])
        with pytest.raises(charlm.ModelError, match=name):
            READERS[name](folder)
    tally.count("bad files tried", len(lengths))


@pytest.mark.parametrize("name", [CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE])
def test_a_byte_changed_at_any_place_is_refused_or_does_no_harm(line_folder: Path, tmp_path: Path, name: str) -> None:
    """The weights state the checksums of all three; the step and the validation, which they also state, have none."""
    folder = shutil.copytree(line_folder, tmp_path / "m")
    content, trained = (folder / name).read_bytes(), charlm.load(folder).network.state_dict()
    refused = 0
    for place in places(content, name):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (folder / name).write_bytes(changed)
        try:
            found = charlm.load(folder).network.state_dict()
        except charlm.ModelError as error:
            assert any(each in str(error) for each in READERS)
            refused += 1
        else:
            assert name == WEIGHTS_FILE and all(torch.equal(found[each], trained[each]) for each in trained)
    assert refused > 0.8 * len(places(content, name))
    tally.count("bad files tried", refused)
