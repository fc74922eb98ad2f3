"""Model folders that are damaged or forged: one sentence that names the file, and nothing else happens."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_limit import limit_memory

import charlm
from charlm.checkpoints import checkpoint, write
from charlm.checkpoints.config_file import FORMAT_VERSION

NAMES = ("config.json", "tokenizer.json", "model.safetensors")


def change(path: Path, key: str, value: object) -> None:
    """Set `key` (`model.layers`: inside another) of a JSON file; ... removes it."""
    values = inner = json.loads(path.read_bytes())
    *outer, last = key.split(".")
    for name in outer:
        inner = inner[name]
    inner[last] = value
    if value is ...:
        del inner[last]
    path.write_text(json.dumps(values))


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with TemporaryDirectory() as place:
        yield shutil.copytree(folder, Path(place) / "m")


@pytest.mark.parametrize("name", NAMES)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_does_no_harm(line_folder: Path, name: str, data: st.DataObject) -> None:
    """The step and the validation in the weights' header are under no checksum; all that computes is."""
    content = bytearray((line_folder / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with copied(line_folder) as folder:
        (folder / name).write_bytes(content)
        with suppress(charlm.ModelError):
            checkpoint.describe(folder)
        try:
            loaded = charlm.load(folder)
        except charlm.ModelError as error:
            named = [each for each in NAMES if each in str(error)]
            assert named == [name] or (named and name == "model.safetensors"), "it states the sums of the other two"
        else:
            assert name == "model.safetensors"
            assert loaded.score("the cat") == charlm.load(line_folder).score("the cat")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [None, 0, 1, 7, 8, 0.5, -1])
def test_a_file_missing_or_cut_short_is_named(line_folder: Path, name: str, length: float | None) -> None:
    with copied(line_folder) as folder:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        if length is not None:
            (folder / name).write_bytes(content[: int(length * len(content)) if length == 0.5 else int(length)])
        with pytest.raises(charlm.ModelError, match=name):
            charlm.load(folder)


NO_SIZE = [None, -1, 0, 1.5, "16", [], {}, True, 2**70, 10**400, 65_536]


@pytest.mark.parametrize(
    ("key", "values"),
    {
        "format_version": [None, ..., "1", 2, 10**30],
        "model": [None, ..., [], "x", 3],
        "model.cell": [None, ..., "gruu", "../cells/gru", "__init__", 7],
        "model.activation": ["relu", 3],
        "model.embedding": [None, "one_hot", ""],
        "model.tokenizer": [None, "words", []],
        "model.sequence": [None, "auto", "words"],
        "model.layers": [..., 2, *NO_SIZE],
        "model.hidden_size": [..., 17, *NO_SIZE],
        "model.embedding_size": NO_SIZE,
        "model.dropout": [None, -0.1, 1, "0", 10**400],
        "model.residual": [None, 1, "yes"],
        "model.readout_layers": [2, *NO_SIZE],
        "model.readout": [None, "softmax", "../readouts/dense", "adaptive", 7],
        "model.tie_weights": [None, 1, True],
        "model.strange": [1],
        "vocabulary_size": [..., 3, 17.0, 2**24, *NO_SIZE],
    }.items(),
)
def test_a_configuration_that_cannot_be_is_refused_by_name(line_folder: Path, key: str, values: list[object]) -> None:
    """The checksums are true of the changed file: what it says is judged."""
    for value in values:
        with copied(line_folder) as folder:
            change(folder / "config.json", key, value)
            write.save_weights(folder, charlm.load(line_folder).network.state_dict(), write.metadata(1, {}))
            with pytest.raises(charlm.ModelError, match=r"config\.json|model\.safetensors|tokenizer\.json"):
                charlm.load(folder)


@pytest.mark.parametrize(
    "content", ["null", "7", "[]", '"format_version"', '{"characters": 7}', '{"characters": "ba"}', "[" * 10**5]
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_file_that_holds_something_else_is_refused_by_name(line_folder: Path, name: str, content: str) -> None:
    with copied(line_folder) as folder:
        (folder / name).write_text(content)
        write.save_weights(folder, charlm.load(line_folder).network.state_dict(), write.metadata(1, {}))
        for reads in (charlm.load, checkpoint.describe):
            with pytest.raises(charlm.ModelError, match=name):
                reads(folder)


WEIGHTS: dict[str, Callable[[Any], object]] = {
    "NaN": lambda network: network.readout.bias.data.fill_(torch.nan),
    "infinite": lambda network: network.readout.weight.data[0].fill_(torch.inf),
    "extra": lambda network: network.register_buffer("extra", torch.zeros(1)),
    "missing": lambda network: setattr(network.readout, "bias", None),
    "of another shape": lambda network: setattr(network.readout, "weight", torch.nn.Parameter(torch.zeros(2, 2))),
    "of another type": lambda network: network.half(),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_cannot_be_are_refused(line_folder: Path, kind: str) -> None:
    with copied(line_folder) as folder:
        network = charlm.load(folder).network
        WEIGHTS[kind](network)
        write.save_weights(folder, network.state_dict(), write.metadata(1, {}))
        with pytest.raises(charlm.ModelError, match=r"model\.safetensors"):
            charlm.load(folder)


@pytest.mark.parametrize("key", ["corpus", "corpus.files", "charlm_version"])
def test_a_description_that_is_not_whole_is_refused(line_folder: Path, key: str) -> None:
    with copied(line_folder) as folder:
        change(folder / "config.json", key, ...)
        write.save_weights(folder, charlm.load(line_folder).network.state_dict(), write.metadata(1, {}))
        with pytest.raises(charlm.ModelError, match=r"config\.json"):
            checkpoint.describe(folder)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"revisions": 3, "steps": 1}'])
def test_a_damaged_plan_is_named(line_folder: Path, content: str | None) -> None:
    with copied(line_folder) as folder:
        (folder / "plan.json").unlink()
        if content is not None:
            (folder / "plan.json").write_text(content)
        with pytest.raises(charlm.ModelError, match=r"plan\.json"):
            checkpoint.describe(folder)


def test_a_newer_model_is_refused_as_that(line_folder: Path) -> None:
    with copied(line_folder) as folder:
        change(folder / "config.json", "format_version", FORMAT_VERSION + 1)
        with pytest.raises(charlm.ModelError, match="newer charlm"):
            charlm.load(folder)


def open_in_little_memory(good: Path, folders: list[Path]) -> None:
    """Print the error of each folder."""
    charlm.load(good)
    limit_memory(2**28)
    for folder in folders:
        try:
            charlm.load(folder)
        except charlm.ModelError as error:
            print(json.dumps(str(error)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to limit and measure memory")
def test_a_file_that_claims_to_be_huge_is_refused_before_memory_is_taken(line_folder: Path, tmp_path: Path) -> None:
    """Each is opened in a process that may take 256 MiB more."""
    from forked_trainer import result

    network = charlm.load(line_folder).network
    sizes = {"hidden_size": 65_536, "layers": 64, "embedding_size": 65_536}
    folders = [shutil.copytree(line_folder, tmp_path / str(number)) for number in range(6)]
    for key, value in sizes.items():
        change(folders[0] / "config.json", f"model.{key}", value)
    change(folders[1] / "config.json", "vocabulary_size", 2**24)
    for folder in folders[:2]:
        write.save_weights(folder, network.state_dict(), write.metadata(1, {}))
    for folder, name in zip(folders[2:5], ("config.json", "tokenizer.json", "model.safetensors"), strict=True):
        with (folder / name).open("ab") as file:
            file.truncate(2**40)  # a hole: it takes no room on the disk
    (folders[5] / "model.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")
    done = result(open_in_little_memory, line_folder, folders)
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == len(folders)
