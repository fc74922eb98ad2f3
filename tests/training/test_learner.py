"""A training step: the same in parts as in one piece, and never to a place that is no number."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import QUICK

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.registry import names
from charlm.training.learner import Learner

V, T, B = 11, 9, 8
SHAPE = ModelConfig(cell="lstm", hidden_size=16, layers=2, embedding_size=8, dropout=0.0, ngram="none")


def batch(fresh: bool = False) -> Batch:
    ids, targets = torch.randint(0, V, (2, T, B))
    return Batch(ids, targets, torch.rand(T, B) < 0.1, fresh)


def learner(cell: str = SHAPE.cell, seed: int = 0, optimizer: str = TrainConfig.optimizer) -> Learner:
    torch.manual_seed(seed)
    config = replace(QUICK, precision="float32", weight_decay=0.3, optimizer=optimizer)
    return Learner(Network(replace(SHAPE, cell=cell), V), config)


@pytest.mark.parametrize("optimizer", names("training.optimizers"))
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_another_learner_goes_on_from_its_tensors(cell: str, optimizer: str) -> None:
    """Whatever the state of a cell is, and that of an optimizer."""
    first, second = learner(cell, 0, optimizer), learner(cell, 1, optimizer)
    for _ in range(3):
        first.step(batch(), 0.01)
    second.restore({name: tensor.clone() for name, tensor in first.tensors().items()})
    for _ in range(2):
        some = batch()
        assert first.step(some, 0.01) == second.step(some, 0.01)
    for name, tensor in first.tensors().items():
        assert torch.equal(second.tensors()[name], tensor), name


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_in_parts_it_is_the_same_step(parts: int) -> None:
    whole, pieces = learner(), learner()
    pieces.micro_batches = parts
    for step in range(4):
        torch.manual_seed(step)
        some = batch(fresh=step == 2)
        one, other = whole.step(some, 0.01), pieces.step(some, 0.01)
        assert one == pytest.approx(other, rel=1e-5)
    for name, tensor in whole.tensors().items():
        atol = 1e-4 if "basis" in name else 1e-5  # eigenvectors of small eigenvalues magnify rounding errors
        torch.testing.assert_close(pieces.tensors()[name], tensor, rtol=1e-4, atol=atol, msg=name)


def test_a_batch_that_does_not_fit_is_taken_in_parts_found_by_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device for three rows at once; the trial leaves the learner as it was."""
    found, same = learner(), learner()
    outputs = Network.outputs

    def small(self: Network, ids: torch.Tensor, *others: object) -> object:
        if ids.shape[1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return outputs(self, ids, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "outputs", small)
    found.find_micro_batches(batch())
    assert found.micro_batches == 4
    for name, tensor in same.tensors().items():
        assert torch.equal(found.tensors()[name], tensor)


def test_where_not_even_a_row_fits_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: Network, *arguments: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "outputs", nothing)
    with pytest.raises(torch.OutOfMemoryError):
        learner().find_micro_batches(batch())


def test_a_step_that_is_no_number_changes_nothing() -> None:
    """Not the weights, the moments or the state it carries."""
    found = learner()
    found.step(batch(), 0.01)
    before = {name: tensor.clone() for name, tensor in found.tensors().items()}
    with torch.no_grad():
        kept = found.network.readout.bias[0].clone()
        found.network.readout.bias[0] = math.inf
    loss, norm = found.step(batch(), 0.01)
    assert not math.isfinite(loss + norm)
    with torch.no_grad():
        found.network.readout.bias[0] = kept
    for name, tensor in found.tensors().items():
        assert torch.equal(before[name], tensor), name


def test_a_gradient_that_explodes_is_clipped() -> None:
    """To the norm that is asked for; what is told is the norm that it had."""
    found = learner()
    found.clip = 0.25
    found.network.readout.weight.data *= 1000
    _, norm = found.step(batch(), 0.01)
    gradients = [parameter.grad for parameter in found.network.parameters() if parameter.grad is not None]
    assert norm > 10
    assert math.sqrt(sum(float(each.square().sum()) for each in gradients)) == pytest.approx(0.25, rel=1e-3)


def test_decay_is_of_matrices_alone() -> None:
    """With a gradient of zero a matrix shrinks by rate times decay, a bias stays."""
    found = learner()
    for parameter in found.network.parameters():
        parameter.data.fill_(1.0)
        parameter.grad = torch.zeros_like(parameter)
    found.optimizer.step(0.1)
    for parameter in found.network.parameters():
        expected = 1 - 0.1 * 0.3 if parameter.dim() == 2 else 1.0
        torch.testing.assert_close(parameter.data, torch.full_like(parameter, expected))
