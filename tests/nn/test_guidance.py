"""Guidance: a network's output after the likeliest tokens of the counts have changed it."""

from typing import Any

import pytest
import torch
from conftest import STREAM
from mixtures import set_any_gate

import charlm
from charlm.nn.guidance import Guidance
from charlm.nn.mixed import MixedNetwork
from charlm.nn.native.library import library
from charlm.nn.rows import Rows

SMALL: dict[str, Any] = {
    **{"ngram": "4", "hidden_size": 8, "layers": 1, "steps": 3, "batch_size": 4, "seq_len": 8, "seed": 1},
}


def made(hidden_size: int, vocabulary_size: int) -> Guidance:
    torch.manual_seed(1)
    guidance = Guidance(hidden_size, vocabulary_size)
    torch.nn.init.normal_(guidance.turn.weight)
    return guidance


@torch.no_grad()
def test_a_worked_example() -> None:
    """Two outputs, two units: v = P(w1) · E[w1] + P(w2) · E[w2], and h → h ⊙ (1 + S v) + F v."""
    guidance = Guidance(2, 3)
    guidance.vectors.zero_()
    guidance.vectors[:, 0] = torch.tensor([1.0, 2.0, 4.0])  # E[w] has one number that is not 0
    guidance.turn.weight[:, 0] = torch.tensor([1.0, 0.0, 0.0, 10.0])  # S = (1, 0), F = (0, 10)
    outputs = torch.tensor([[0.5, 0.5], [1.0, -1.0]])
    tokens, chances = torch.tensor([[2, 0], [1, 2]]), torch.tensor([[0.5, 0.25], [0.5, 0.0]])
    # v is 0.5 · 4 + 0.25 · 1 = 2.25 for the first output, and 0.5 · 2 = 1 for the second one.
    expected = torch.tensor([[0.5 * 3.25, 0.5 + 22.5], [1.0 * 2, -1.0 + 10]])
    torch.testing.assert_close(guidance(outputs, tokens, chances), expected)


def test_at_first_it_changes_nothing() -> None:
    outputs = torch.randn(4, 5)
    guided = Guidance(5, 6)(outputs, torch.tensor([[1, 2]] * 4), torch.rand(4, 2))
    torch.testing.assert_close(guided, outputs, rtol=0, atol=0)


@pytest.mark.parametrize("hidden_size", [1, 5, 16, 37])
@pytest.mark.parametrize("outputs", [3, 60])
def test_loops_and_torch_agree(monkeypatch: pytest.MonkeyPatch, hidden_size: int, outputs: int) -> None:
    """The gradients too, with outputs that are columns of a wider tensor, and with a guess that does not count."""
    if library() is None:
        pytest.skip("needs the compiled loops")
    guidance = made(hidden_size, 40)
    wide, tokens, chances = (
        torch.randn(outputs, hidden_size + 3),
        torch.randint(0, 40, (outputs, 2)),
        torch.rand(outputs, 2),
    )
    tokens[:, 1] = (tokens[:, 0] + 1) % 40
    tokens[0], chances[0] = 0, 0.0
    toward = torch.randn(outputs, hidden_size)

    def results() -> list[torch.Tensor]:
        guidance.zero_grad()
        leaf = wide.clone().requires_grad_()
        guided = guidance(leaf[:, :hidden_size], tokens, chances)
        (guided * toward).sum().backward()
        assert leaf.grad is not None and guidance.vectors.grad is not None and guidance.turn.weight.grad is not None
        return [guided.detach(), leaf.grad, guidance.vectors.grad.clone(), guidance.turn.weight.grad.clone()]

    compiled = results()
    monkeypatch.setattr("charlm.nn.guidance.fits", lambda *_: False)
    for mine, theirs in zip(compiled, results(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_new_vocabulary_takes_the_rows_of_its_tokens() -> None:
    old, new = made(4, 5), Guidance(4, 3)
    new.start_from(old, Rows(torch.tensor([4, 1, -1]), torch.tensor([False, False, True, True, False])))
    expected = torch.stack([old.vectors[4], old.vectors[1], old.vectors[2:4].mean(0)])
    torch.testing.assert_close(new.vectors.detach(), expected.detach())
    assert new.turn.weight.tolist() == old.turn.weight.tolist()


def test_a_model_that_starts_from_a_guided_one_is_guided_alike() -> None:
    source = charlm.train(STREAM[:3000], **SMALL)
    set_any_gate(source)
    assert isinstance(source.network, MixedNetwork) and source.network.guidance
    started = charlm.train(STREAM[:3000], start_from=source, **(SMALL | {"steps": 1, "learning_rate": 1e-9}))
    assert isinstance(started.network, MixedNetwork) and started.network.guidance
    new, old = (each.guidance.table()[each.allowed_tokens] for each in (started.network, source.network))
    torch.testing.assert_close(new, old, rtol=1e-4, atol=1e-4)


def test_guesses_can_be_left_out() -> None:
    model = charlm.train(STREAM[:3000], ngram_guesses=False, **SMALL)
    assert isinstance(model.network, MixedNetwork) and model.network.guidance is None
    assert "ngram_guesses" not in model.config.to_json()
    assert charlm.train(STREAM[:3000], **SMALL).config.to_json()["ngram_guesses"] is True


def test_without_counts_there_are_no_guesses() -> None:
    assert not charlm.ModelConfig(ngram="none").ngram_guesses
    assert not charlm.ModelConfig(task="classify").ngram_guesses


def test_a_model_of_an_older_version_has_no_guesses() -> None:
    values = charlm.ModelConfig(ngram="6").to_json()
    del values["ngram_guesses"]
    assert not charlm.ModelConfig.from_json(values, "config.json").ngram_guesses
