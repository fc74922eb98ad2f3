"""The gate of a mixture, fitted to the held-out part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import charlm
from charlm.nn.gate_fit import Floats, GateFit, fit_gate
from charlm.nn.mixed import MixedNetwork
from charlm.nn.network import Network
from charlm.scoring.evaluation import MixedEvaluation
from charlm.tasks import MapRows
from charlm.tasks.text import fitted_reader
from charlm.tasks.text.fitted_reader import read_columns
from charlm.training.events import Event, Finished, Validated

SMALL: dict[str, Any] = {
    **{"ngram": "5", "hidden_size": 32, "layers": 1, "steps": 150, "batch_size": 8, "seq_len": 32, "seed": 1},
}
CATS = Path(__file__).parents[2] / "corpora" / "cats.txt"


def drawn(size: int, gate: GateFit) -> tuple[Floats, ...]:
    """Draw tokens of two kinds by a mixture with this gate, after 0 to 2 tokens; return what `fit_gate` reads."""
    random = np.random.default_rng(5)
    by_context, by_output = random.normal(0, 1.5, (2, size))
    chance = random.uniform(0.05, 0.95, (2, size))  # of the first kind, by the network and by the counts
    depths = random.integers(0, 3, size)
    share = share_of(gate, depths, by_context, by_output)
    first = random.random(size) < (1 - share) * chance[0] + share * chance[1]
    network, counts = np.log(np.where(first, chance, 1 - chance))
    return network, counts, depths.astype(np.float64), by_context, by_output


def share_of(gate: GateFit, depths: NDArray[Any], by_context: Floats, by_output: Floats) -> Floats:
    """Return the share of the counts, computed as it is written."""
    shifts = np.array([gate.shifts[min(int(depth), len(gate.shifts) - 1)] for depth in depths])
    share: Floats = 1 / (1 + np.exp(-(shifts + gate.by_context * by_context + gate.by_output * by_output)))
    return share


def nats(gate: GateFit, network: Floats, counts: Floats, *others: Floats) -> float:
    """Return minus the mean log P of the mixture, computed as it is written."""
    share = share_of(gate, *others)
    return float(-np.log((1 - share) * np.exp(network) + share * np.exp(counts)).mean())


@pytest.mark.parametrize("gate", [GateFit(), GateFit((1.5,), 0.5, 1.0), GateFit((-1.0, 1.0), -0.3, 2.0)])
def test_the_gate_that_drew_the_text_is_found(gate: GateFit) -> None:
    read = drawn(100_000, gate)
    fit = fit_gate(*read)
    np.testing.assert_allclose(fit.shifts[:3], (gate.shifts * 3)[:1] + (gate.shifts[-1],) * 2, atol=0.25)
    np.testing.assert_allclose(fit[1:], gate[1:], atol=0.25)
    assert nats(fit, *read) == pytest.approx(nats(gate, *read), abs=2e-4)
    assert nats(fit, *read) <= nats(GateFit(), *read) + 2e-4


def test_no_other_numbers_are_better() -> None:
    """The prior counts as little as it should: 10,000 targets outweigh it."""
    read = drawn(10_000, GateFit((2.0, 1.0), 0.4, 0.7))
    fit = fit_gate(*read)
    for change in (-0.2, 0.2):
        others = [fit._replace(by_context=fit.by_context + change), fit._replace(by_output=fit.by_output + change)]
        for depth in range(3):
            shifts = [*fit.shifts]
            shifts[depth] += change
            others.append(fit._replace(shifts=tuple(shifts)))
        for other in others:
            assert nats(other, *read) > nats(fit, *read)


def test_a_short_text_changes_little() -> None:
    fit = fit_gate(*drawn(3, GateFit((5.0,), 3.0, 3.0)))
    np.testing.assert_allclose(fit.shifts, 0, atol=0.5)
    np.testing.assert_allclose(fit[1:], 1, atol=0.5)
    assert fit_gate(*np.empty((5, 0))) == GateFit()


def test_a_length_of_context_without_text_has_the_shift_of_all() -> None:
    read = drawn(50_000, GateFit((1.0, 1.0, 1.0, 3.0)))
    read[2][:] = 1  # no context has 0, 2, or more tokens
    fit = fit_gate(*read)
    assert len(fit.shifts) == 3
    assert fit.shifts[0] == fit.shifts[-1] < fit.shifts[1] < 1.1


def test_what_is_not_finite_is_left_out() -> None:
    read = drawn(5_000, GateFit((1.0,), 0.5, 1.0))
    with_more = [np.append(each, extra) for each, extra in zip(read, np.full((5, 2), -np.inf), strict=True)]
    assert fit_gate(*with_more) == fit_gate(*read)
    assert fit_gate(*np.full((5, 9), np.nan)) == GateFit()


def test_a_part_that_is_always_better_gets_nearly_all() -> None:
    size = 5_000
    network, counts = np.full(size, -5.0), np.full(size, -1.0)
    fit = fit_gate(network, counts, np.zeros(size), np.ones(size), np.zeros(size))
    assert 3 < fit.shifts[0] + fit.by_context < 20


@pytest.mark.parametrize(("sequence", "text"), [("line", CATS), ("stream", CATS)])
def test_a_run_keeps_the_fitted_gate(sequence: str, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures are those of the model that is kept, and they are better than those of the gate as trained."""
    lines = text.read_text().splitlines(keepends=True)[:3_000]
    known, other = "".join(lines[:2_500]), "".join(lines[2_500:])

    def run() -> tuple[Any, Any]:
        events: list[Event] = []
        model = charlm.train(known, valid=other, sequence=sequence, report=events.append, **SMALL)
        assert isinstance(model, charlm.LanguageModel) and isinstance(model.network, MixedNetwork)
        (end,) = (each for each in events if isinstance(each, Finished))
        assert end.best_step == SMALL["steps"]
        return model, end.evaluation

    model, reported = run()
    assert model.evaluate(other).nats_per_token == pytest.approx(reported.nats_per_token, rel=1e-6)
    monkeypatch.setattr(fitted_reader, "fit_gate", lambda *_: GateFit())
    before, as_trained = run()
    assert reported.nats < as_trained.nats
    assert reported.parts == pytest.approx(as_trained.parts), "neither part is another one"
    for name, weight in before.network.state_dict().items():
        assert weight.equal(model.network.state_dict()[name]) != name.startswith("gate_")


def test_a_model_of_running_text_is_also_fitted_to_lines_that_are_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[NDArray[Any]]] = []

    def remember(network: Network, names: Sequence[str], map_rows: MapRows, rows: Sequence[NDArray[Any]]) -> Any:
        read.append([*rows])
        return read_columns(network, names, map_rows, rows)

    monkeypatch.setattr(fitted_reader, "read_columns", remember)
    text = CATS.read_text()[:40_000]
    model = charlm.train(text, sequence="stream", **SMALL)
    assert isinstance(model, charlm.LanguageModel)
    whole, lines = read
    assert 20 <= len(lines) <= 256
    assert sum(map(len, lines)) < sum(map(len, whole)) / 2
    for line in lines:
        assert line[0] == model.tokenizer.START
        assert "\n" + model.tokenizer.decode(line[1:]) in text
    read.clear()
    charlm.train(text, sequence="line", **SMALL)
    assert len(read[0]) > 20 and read[1:] == [[]]


def test_neither_part_alone_is_better() -> None:
    """Nothing can be learned of random letters, and what was counted of them is misleading."""
    letters = "".join(map(chr, np.random.default_rng(4).integers(97, 123, 20_000))) + "\n"
    events: list[Event] = []
    charlm.train(letters, sequence="stream", report=events.append, **SMALL)
    (end,) = (each for each in events if isinstance(each, Finished))
    evaluation = end.evaluation
    assert isinstance(evaluation, MixedEvaluation)
    assert evaluation.known_nats <= min(part.known_nats for part in evaluation.by_part.values())


def test_the_gate_is_not_fitted_to_the_training_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is too short for a held-out part is validated on itself, and its counts contain it."""
    monkeypatch.delattr(fitted_reader, "fit_gate")
    events: list[Event] = []
    charlm.train("the cat sat\n", sequence="line", report=events.append, **SMALL | {"steps": 3})
    assert [each for each in events if isinstance(each, Validated)]
