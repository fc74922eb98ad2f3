"""The ways of drawing agree: step by step, by recorded steps as on a GPU, and in compiled loops; also with counts."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from word_models import TOKENIZERS

import charlm
from charlm.config import ModelConfig
from charlm.counts import Counts, CountSettings
from charlm.generation.compiled import CompiledDraws
from charlm.generation.drawing import TorchDraws, draws
from charlm.generation.samplers import chain
from charlm.nn import graphs
from charlm.nn.mixed import MixedNetwork
from charlm.nn.native.library import library
from charlm.nn.network import Network
from charlm.nn.probability import log_probabilities, log_softmax
from charlm.tokenizers import Tokenizer

ROWS = 6
LINES = ["a cat", "cats sat", "a cat sat at a cat", "scat cat", "the t\u00e9s"] * 3


def mixed(name: str, *, line: bool = False, **settings: Any) -> charlm.LanguageModel:
    """Return a model of random weights with counts of LINES, whose gate also depends on the network's output."""
    torch.manual_seed(1)
    tokenizer = TOKENIZERS[name]
    sequence = "line" if line else "stream"
    sizes: dict[str, Any] = {"hidden_size": 27, "embedding_size": 8, "layers": 2, "dropout": 0.0, "sequence": sequence}
    config = ModelConfig(**{**sizes, "ngram": "5", **settings})
    rows = [np.append(tokenizer.encode(text), [Tokenizer.EOS] if line else []).astype(int) for text in LINES]
    predictable = np.arange(tokenizer.size) > (Tokenizer.START if line else Tokenizer.EOS)
    network = MixedNetwork(config, tokenizer.size).eval()
    network.allowed_tokens.copy_(torch.from_numpy(predictable))
    starts = np.cumsum([0, *map(len, rows)])[:-1]
    network.counts = Counts.of(
        np.concatenate(rows), starts if line else starts[:1], predictable, CountSettings(order=5)
    )
    torch.nn.init.normal_(network.gate_vector, std=20)
    if network.guidance:
        torch.nn.init.normal_(network.guidance.turn.weight, std=0.1)
    return charlm.LanguageModel(config, tokenizer, network)


def both_ways(network: Network, settings: dict[str, float], rows: int) -> tuple[CompiledDraws, TorchDraws]:
    start = torch.full((1, rows), Tokenizer.START)
    logits, state = network(start)
    history = torch.empty(rows, 0, dtype=torch.long)
    compiled = draws(network, chain(settings), logits[0], state, history, end=-1)
    assert isinstance(compiled, CompiledDraws)
    return compiled, TorchDraws(network, chain(settings), logits[0], state, history, end=-1)


def check_same(compiled: CompiledDraws, plain: TorchDraws, steps: int, rows: int) -> None:
    chances = torch.rand(steps, rows, dtype=torch.double)
    for mine, theirs in zip(compiled(chances), plain(chances), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=2e-5)


compiled_only = pytest.mark.skipif(library() is None, reason="no C compiler where charlm was installed")


@compiled_only
@pytest.mark.parametrize("line", [False, True], ids=["stream", "line"])
@pytest.mark.parametrize("name", TOKENIZERS)
@torch.inference_mode()
def test_a_mixture_is_drawn_by_the_loops_as_by_torch(name: str, line: bool) -> None:
    """Compare every token and log P of all tokens, also after rows have left the batch, and others have joined it."""
    network = mixed(name, line=line).network
    settings = {"temperature": 0.9, "top_k": 17, "top_p": 0.9}
    compiled, plain = both_ways(network, settings, ROWS)
    for steps in (1, 2, 9):
        check_same(compiled, plain, steps, ROWS)
    for each in (compiled, plain):
        each.keep(torch.tensor([4, 1]))
    check_same(compiled, plain, 7, 2)
    logits = torch.randn(1, network.choices)
    for each in (compiled, plain):
        each.join(logits, network.zero_state(1), [chain(settings)])
    check_same(compiled, plain, 7, 3)


@torch.inference_mode()
def test_every_variant_draws_each_row_with_its_own_samplers(variant: str) -> None:
    """Rows with other settings, or none, draw next to each other what each draws alone, also after some have left."""
    network = mixed("char").network
    kinds = [{}, {"temperature": 0.4}, {"temperature": 0, "top_p": 0.5}, {"top_k": 3}, {"temperature": 2, "top_p": 0.8}]
    (together, _), *others = [both_ways(network, settings, 1) for settings in kinds]
    logits, state = network(torch.full((1, 1), Tokenizer.START))
    for settings in kinds[1:]:
        together.join(logits[0], state, [chain(settings)])
    plain = [both_ways(network, kinds[0], 1)[1], *(each[1] for each in others)]
    for steps, kept in ((1, [0, 1, 2, 3, 4]), (9, [4, 1, 2]), (9, [2, 0])):
        chances = torch.rand(steps, len(plain), dtype=torch.double)
        tokens, _ = together(chances)
        for row, alone in enumerate(plain):
            assert tokens[:, row].equal(alone(chances[:, row : row + 1])[0][:, 0])
        together.keep(torch.tensor(kept))
        plain = [plain[row] for row in kept]


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@torch.inference_mode()
def test_every_variant_of_the_loops_mixes(variant: str, cell: str) -> None:
    compiled, plain = both_ways(mixed("char", cell=cell).network, {}, ROWS)
    check_same(compiled, plain, 20, ROWS)


@pytest.mark.parametrize("readout", ["dense", "adaptive"])
@pytest.mark.parametrize("line", [False, True], ids=["stream", "line"])
@pytest.mark.parametrize("name", TOKENIZERS)
@torch.inference_mode()
def test_what_is_drawn_has_the_probability_of_the_score(name: str, line: bool, readout: str) -> None:
    network = mixed(name, line=line, readout=readout).network
    logits, state = network(torch.full((1, ROWS), Tokenizer.START))
    on = draws(network, [], logits[0], state, torch.empty(ROWS, 0, dtype=torch.long), end=-1)
    assert isinstance(on, TorchDraws) == (library() is None)
    tokens, drawn_from = on(torch.rand(30, ROWS, dtype=torch.double))
    torch.testing.assert_close(drawn_from.logsumexp(2), torch.zeros(30, ROWS), rtol=0, atol=1e-5)
    drawn = log_softmax(drawn_from).gather(2, tokens[:, :, None])[:, :, 0]
    rows = [np.append(Tokenizer.START, each) for each in tokens.t().numpy()]
    for mine, theirs in zip(drawn.t().numpy(), log_probabilities(network, rows), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5, "top_k": 4, "top_p": 0.9},
        {"min_p": 0.05, "no_repeat": 4},
        {"mirostat": 2.0, "repetition_penalty": 1.3},
        {"typical": 0.9},
        {"must_match": "[a-t ]{3,9}"},
        {"width": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("line", [False, True], ids=["stream", "line"])
def test_every_way_to_draw_reports_log_p_of_the_mixture(line: bool, settings: dict[str, Any]) -> None:
    model = mixed("char", line=line)
    way = model.beam if "width" in settings else partial(model.sample, seed=3)
    for prompt in ("", "a ca"):
        for sample in way(prompt, count=3, length=9, **settings):
            values = model.score(prompt + sample.text).logprobs[len(prompt) :]
            assert sample.tokens and sample.logprob == pytest.approx(sum(values[: sample.tokens]), rel=1e-4, abs=1e-4)


@torch.inference_mode()
def test_recorded_steps_are_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """On any machine: what a GPU would record is called."""
    calls: list[object] = []
    monkeypatch.setattr(graphs, "run", lambda module, read, given, settings: calls.append(settings) or read(*given))
    torch.manual_seed(0)
    network = Network(ModelConfig(embedding_size=4, hidden_size=16, layers=2, dropout=0.0), 9).eval()
    samplers = chain({"temperature": 0.8, "top_k": 5})
    history = torch.empty(ROWS, 0, dtype=torch.long)
    chances = torch.rand(12, ROWS, dtype=torch.double)
    plain, recorded = (
        TorchDraws(network, samplers, torch.zeros(ROWS, 9), network.zero_state(ROWS), history, end=-1) for _ in range(2)
    )
    monkeypatch.setattr(recorded, "_step", recorded._recorded_step)
    for mine, theirs in zip(recorded(chances), plain(chances), strict=True):
        assert torch.equal(mine, theirs)
    assert calls == [(("temperature", 0.8), ("top_k", 5.0))] * 12
