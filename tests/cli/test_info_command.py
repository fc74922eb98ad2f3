"""`charlm info`: what a model is, how to repeat it, and what it runs on."""

import json
import os
import shlex
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from conftest import LINES, TINY, Outcome

import charlm

Run = Callable[..., Outcome]


@pytest.fixture
def trained(run: Run, tmp_path: Path) -> Path:
    """Train a model on "my lines.txt", a name that must be quoted."""
    (tmp_path / "my lines.txt").write_text(LINES)
    run("train", "my lines.txt", *TINY, "--steps=12", "--seed=3", "--cell=lstm", "--model=cats")
    return tmp_path / "checkpoints" / "cats"


def test_it_describes_the_model(run: Run, trained: Path) -> None:
    done = run("info")
    values = json.loads(run("info", "--json").out)
    assert done.code == 0
    assert len(done.out.splitlines()) > 8
    assert "1 × lstm, 8 wide" in done.out
    for figure in (
        f"{values['parameters']:,}",
        f"char, {len(set(LINES)) - 1 + 3} tokens",
        f"{values['validation']['nats_per_token']:.4f}",
        f"{values['validation']['bits_per_char']:.4f}",
        f"{len(LINES):,} characters",
        charlm.__version__,
    ):
        assert figure in done.out


def test_counts_beside_the_network_are_named(run: Run, trained: Path, counted_folder: Path) -> None:
    """Counts of up to two tokens; the figures of the parts follow that of both."""
    values = json.loads(run("info", "-m", counted_folder, "--json").out)
    shown = run("info", "-m", counted_folder).out
    network, counts = (values["validation"][f"{part}_bits_per_char"] for part in ("network", "counts"))
    both = values["validation"]["bits_per_char"]
    assert "counts       n-grams of up to 2 tokens\n" in shown and "n-grams" not in run("info", "-m", trained).out
    assert f"bits/char    {both:.4f} (network alone {network:.4f}, counts alone {counts:.4f})\n" in shown
    assert values["config"]["ngram"] == "2"


def test_json_is_one_compact_line(run: Run, trained: Path) -> None:
    done = run("info", "--json")
    values = json.loads(done.out)
    assert done.out == json.dumps(values, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert values["config"]["cell"] == "lstm"
    assert values["plan"]["train"]["seed"] == 3
    assert values["step"] <= values["steps"] == 12
    network = charlm.load(trained).network
    assert values["parameters"] == sum(parameter.numel() for parameter in network.parameters())


def test_the_fingerprint_is_of_the_text_and_not_of_its_name(run: Run, trained: Path) -> None:
    """SHA-256 of the length in 8 bytes, lowest first, and the text."""
    found = json.loads(run("info", "--json").out)["corpus"]
    data = LINES.encode()
    assert found["sha256"] == sha256(len(data).to_bytes(8, "little") + data).hexdigest()
    assert found["characters"] == len(LINES)
    os.rename("my lines.txt", "other.txt")
    run("train", "other.txt", *TINY, "--steps=1")
    assert json.loads(run("info", "--json").out)["corpus"]["sha256"] == found["sha256"]


def test_the_repeat_command_repeats_the_bytes(run: Run, trained: Path) -> None:
    command = shlex.split(json.loads(run("info", "--json").out)["repeat"])
    assert command[:2] == ["charlm", "train"]
    assert shlex.join(command) in run("info").out
    again = run(*command[1:])
    assert again.code == 0, again.err
    weights = Path(again.out.strip()) / "model.safetensors"
    assert weights.read_bytes() == (trained / "model.safetensors").read_bytes()


@pytest.mark.parametrize("source", [["text", "--valid=held"], ["-"], ["folder"]], ids=" ".join)
def test_training_on_any_kind_of_source_can_be_repeated(
    run: Run, tmp_path: Path, source: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    for name, text in (("text", LINES), ("held", LINES[:200]), ("folder/a", LINES), ("folder/b", LINES)):
        (tmp_path / name).write_text(text)
    weights = []
    command = ["train", *source, *TINY, "--steps=2"]
    for _ in range(2):
        with open("text") as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            done = run(*command)
        assert done.code == 0, done.err
        weights.append((Path(done.out.strip()) / "model.safetensors").read_bytes())
        command = shlex.split(json.loads(run("info", "--json").out)["repeat"])[1:]
    assert weights[0] == weights[1]


def test_the_system_needs_no_model(run: Run, tmp_path: Path) -> None:
    done = run("info", "--system", "--json")
    values = json.loads(done.out)
    assert done.code == 0 and done.err == ""
    assert values["charlm"] == charlm.__version__
    assert values["torch"] == torch.__version__
    assert values["threads"] == torch.get_num_threads()
    assert values["checkpoints"] == str(tmp_path / "checkpoints")
    assert Path(values["package"]) == Path(charlm.__file__).parent
    shown = run("info", "--system").out
    assert all(str(value) in shown for value in values.values())


def test_quiet_is_an_option_here_too(run: Run, trained: Path) -> None:
    done = run("info", "--quiet")
    assert (done.code, done.err) == (0, "")
