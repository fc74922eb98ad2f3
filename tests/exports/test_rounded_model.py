"""`charlm export model`: a smaller model that every command reads, and what its rounding costs."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Outcome
from random_models import random_model

import charlm
from charlm.exports import export
from charlm.exports._loss import bits_lost
from charlm.files.rounding import restored, rounded

Run = Callable[..., Outcome]


def test_int8_rounds_to_a_multiple_of_each_rows_largest_number_over_127() -> None:
    matrix = torch.tensor([[127.0, -127, 1, 0.4, 0.6, 0, 2, 3], [0.254, 0.001, 0, 0, 0, 0, 0, 0], [0.0] * 8])
    stored = rounded({"a": matrix, "b": torch.ones(3), "c": torch.ones(3, dtype=torch.bool)}, "int8")
    assert stored["a"].tolist() == [[127, -127, 1, 0, 1, 0, 2, 3], [127, 0, 0, 0, 0, 0, 0, 0], [0] * 8]
    assert stored["a.scales"].tolist()[:2] == pytest.approx([1, 0.002])
    back = restored(stored)
    assert list(back) == ["a", "b", "c"] and back["a"].dtype == torch.float32
    assert back["a"][0].tolist() == [127, -127, 1, 0, 1, 0, 2, 3] and back["a"][2].tolist() == [0] * 8


def test_bfloat16_keeps_eight_bits_of_each_number() -> None:
    back = restored(rounded({"a": torch.tensor([[1 + 2**-7, 1 + 2**-9]])}, "bfloat16"))
    assert back["a"].tolist() == [[1 + 2**-7, 1.0]]


def test_the_loss_is_the_divergence_from_the_models_own_distribution() -> None:
    """Without a recurrence, the distribution is the same at each token, and the loss can be computed by hand."""
    model = random_model({"cell": "rnn", "activation": "identity"})
    for cell in model.network.cells:
        for parameter in cell.parameters():
            parameter.data.zero_()
    network = model.network
    network.cells[0].bias_ih.data[:] = 1.0
    weight = network.readout.weight.detach()
    near = restored(rounded({"w": weight}, "int8"))["w"]
    logits, near = (each.sum(1) + network.readout.bias.detach() for each in (weight, near))
    exact, near = (torch.log_softmax(each[network.allowed_tokens].double(), 0) for each in (logits, near))
    expected = float((exact.exp() * (exact - near)).sum()) / math.log(2)
    assert bits_lost(model, "int8").bits == pytest.approx(expected, rel=1e-3) and expected > 0
    assert bits_lost(model, "float32").bits == 0


@pytest.mark.parametrize(("rounding", "share"), [("int8", 0.6), ("bfloat16", 0.75)])
def test_every_command_reads_a_smaller_model(run: Run, stream_folder: Path, rounding: str, share: float) -> None:
    done = run("export", "model", "-m", stream_folder, "--weights", rounding, "-o", "small", "--json")
    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert values["path"] == "checkpoints/small" and values["weights"] == rounding and values["share"] < share
    assert 0 <= values["bits_lost_per_token"] < 0.01 and values["measured_tokens"] >= 4096
    model, small = charlm.load(stream_folder), charlm.load("small")
    assert small.score("the word").logprob == pytest.approx(model.score("the word").logprob, abs=0.05)
    assert small.score("the word").logprob != model.score("the word").logprob
    for command in (["sample"], ["score", "the"], ["info"], ["list"], ["embed", "neighbors", "e"], ["why", "the word"]):
        assert run(*command, *(["-m", "small"] if command != ["list"] else [])).code == 0, command
    assert rounding in run("info", "small").out
    (listed,) = [line for line in run("list").out.splitlines() if line.startswith("small")]
    assert f"{model.network.parameter_count():,}" in listed


def test_saving_a_smaller_model_gives_the_same_bytes(stream_folder: Path, tmp_path: Path) -> None:
    export(charlm.load(stream_folder), "model", tmp_path / "a")
    charlm.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_what_a_smaller_model_cannot_be(run: Run, stream_folder: Path) -> None:
    assert run("export", "model", "-m", stream_folder, "-o", "small").code == 0
    twice = run("export", "model", "-m", "small", "--weights", "bfloat16", "-o", "smaller")
    assert twice.err.endswith("error: the weights of small are int8 already; export the model before that\n")
    again = run("export", "model", "-m", stream_folder, "-o", "small")
    assert (again.code, again.err) == (
        2,
        "error: checkpoints/small already exists; replace it with --overwrite, or choose another --output\n",
    )
    other = run("export", "model", "-m", stream_folder, "--weights", "float32", "-o", "same")
    assert other.err == "error: --weights is 'float32', but the format model stores int8 and bfloat16\n"


@pytest.mark.parametrize("stated", ["int7", None])
def test_a_file_whose_rounding_is_damaged_is_refused(stream_folder: Path, tmp_path: Path, stated: str | None) -> None:
    from charlm.checkpoints.write import save_weights
    from charlm.files.tensors import unpack

    export(charlm.load(stream_folder), "model", tmp_path / "a")
    path = tmp_path / "a/model.safetensors"
    tensors, metadata = unpack(path, path.read_bytes())
    if stated:
        metadata["weights"] = stated
    else:
        del tensors["readout.weight.scales"]
    kept = {name: metadata[name] for name in ("step", "validation", "weights")}
    save_weights(tmp_path / "a", tensors, kept)
    problem = "weights is 'int7', but it must be one of" if stated else "readout.weight has no scales"
    with pytest.raises(charlm.ModelError, match=problem):
        charlm.load(tmp_path / "a")
