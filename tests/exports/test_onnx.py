"""`charlm export onnx`: onnxruntime computes the network's logits, for any cell, readout, batch, and length."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import LINES, Outcome
from random_models import KINDS, named, random_model

import charlm
from charlm.exports import export
from charlm.exports.onnx import check, graph_of

Run = Callable[..., Outcome]


def session(data: bytes) -> Any:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("settings", KINDS, ids=named)
def test_every_network_has_the_same_logits_in_onnxruntime(settings: dict[str, Any]) -> None:
    model = random_model(settings)
    data = graph_of(model)
    assert check(data, model) < 1e-5
    ids = torch.randint(model.tokenizer.size, (5, 9), generator=torch.Generator().manual_seed(1))
    read = session(data)
    state = np.zeros((5, read.get_inputs()[1].shape[1]), np.float32)
    computed = []
    for part in np.split(ids.numpy(), [1, 4], axis=1):
        logits, state = read.run(None, {"ids": part, "state": state})
        computed.append(logits)
    with torch.inference_mode():
        expected = model.network(ids.t())[0].transpose(0, 1)
    np.testing.assert_allclose(np.concatenate(computed, axis=1), expected, atol=1e-5)


def test_the_file_has_the_vocabulary_and_fits_onnx(line_model: charlm.LanguageModel, tmp_path: Path) -> None:
    result = export(line_model, "onnx", tmp_path / "m.onnx")
    assert result.values["largest_difference"] < 1e-5
    graph = onnx.load(str(tmp_path / "m.onnx"))
    onnx.checker.check_model(graph, full_check=True)
    assert [each.name for each in (*graph.graph.input, *graph.graph.output)] == ["ids", "state", "logits", "next_state"]
    stated = {each.key: each.value for each in graph.metadata_props}
    tokens = json.loads(stated.pop("tokens"))
    assert tokens == ["<UNK>", "<START>", "<EOS>", *sorted(set(LINES) - {"\n"})]
    assert stated == {"name": line_model.name, "tokenizer": "char", "sequence": "line"}


def test_a_graph_with_other_logits_is_not_kept(line_model: charlm.LanguageModel) -> None:
    """The trap of ONNX's GRU: a graph that loads and runs, and computes something else."""
    graph = onnx.load_from_string(graph_of(line_model))
    (body,) = [each.g for node in graph.graph.node for each in node.attribute if each.name == "body"]
    tanh = next(node for node in body.node if node.op_type == "Tanh")
    tanh.op_type = "Sigmoid"
    with pytest.raises(charlm.CharlmError, match="onnxruntime computes other logits than charlm, so no file was"):
        check(graph.SerializeToString(), line_model)


def test_an_operation_without_a_translation_is_named() -> None:
    model = random_model({"cell": "rnn"})
    model.network.cells[0].activation = torch.erfinv
    with pytest.raises(charlm.ConfigError, match=r"the network uses erfinv.default, for which this export has no"):
        graph_of(model)


def test_what_has_to_be_installed_is_named(
    line_model: charlm.LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(charlm.ConfigError, match="needs onnx and onnxruntime, which are not installed; run pip"):
        export(line_model, "onnx", tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_it_checked_and_keeps_an_existing_file(run: Run, stream_folder: Path) -> None:
    done = run("export", "onnx", "-m", stream_folder, "-o", "m.onnx")
    assert (done.code, done.out) == (0, "m.onnx\n")
    assert "onnxruntime computes the same logits: the largest difference is" in done.err
    refused = run("export", "onnx", "-m", stream_folder, "-o", "m.onnx")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: m.onnx already exists; replace it with --overwrite, or choose another --output\n"
    again = run("export", "onnx", "-m", stream_folder, "-o", "m.onnx", "--overwrite", "--json")
    assert json.loads(again.out)["path"] == "m.onnx" and json.loads(again.out)["bytes"]["m.onnx"] > 1000
