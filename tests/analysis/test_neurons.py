"""Units and gates: against known values, and the output of `charlm neurons`."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import TINY, Outcome
from torch.overrides import TorchFunctionMode

import charlm
from charlm.analysis.gates import saturations
from charlm.analysis.neurons import activations, correlated_units, find_units, probe_values
from charlm.analysis.probes import PROBES
from charlm.analysis.token_rows import completed_texts, display_texts, token_rows
from charlm.cli.view.plot import scatter
from charlm.errors import ConfigError
from charlm.nn.network import Network
from charlm.registry import names
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer

Run = Callable[..., Outcome]
SHAPE = charlm.ModelConfig(sequence="stream", embedding_size=4, hidden_size=6, layers=2, dropout=0.0)
CODE = "def f(x, (y)):  # a (comment)\n    return [x]\n" * 20
TOKENIZER = CharTokenizer.train([[CODE]], SHAPE)


def network(cell: str, **shape: Any) -> Network:
    torch.manual_seed(2)
    return Network(replace(SHAPE, cell=cell, **shape), TOKENIZER.size).eval()


# probes


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("quotes", 'a "b" c', "0011000"),
        ("quotes", "“ab” c", "111000"),
        ("quotes", 'a "b\n\nc', "0011100"),
        ("depth", "a(b[c])d)(", "0112210001"),
        ("brackets", "a(b[c])d)(", "0111110001"),
        ("column", "ab\ncd", "12012"),
        ("word", "ab c1, d", "12012001"),
        ("capitals", "aBC d", "01100"),
        ("comment", "a # b\nc // d\ne /* f\n*/ g", "001110000111000011111000"),
    ],
)
def test_each_probe_has_a_number_for_every_character(name: str, text: str, expected: str) -> None:
    found = "".join(f"{value:g}" for value in PROBES[name](text))
    assert len(found) == len(text)
    assert dict(enumerate(found)) == dict(enumerate(expected))


def test_every_probe_accepts_an_empty_text() -> None:
    assert [list(each("")) for each in PROBES.values()] == [[]] * len(PROBES)


def test_a_longer_token_has_the_value_at_its_end() -> None:
    assert probe_values("column", ["ab", "c\n", "d"]).tolist() == [2, 0, 1]


def test_a_byte_inside_a_character_has_the_value_of_the_character_before() -> None:
    tokenizer = ByteTokenizer.train([["é"]], charlm.ModelConfig(tokenizer="byte"))
    (row,) = token_rows(tokenizer, "éaé", "stream", 100)
    assert display_texts(tokenizer, row) == ["<0xC3>", "<0xA9>", "a", "<0xC3>", "<0xA9>"]
    assert completed_texts(tokenizer, row) == ["", "é", "a", "", "é"]
    assert probe_values("column", completed_texts(tokenizer, row)).tolist() == [1, 1, 2, 2, 3]


# units


@pytest.mark.parametrize("residual", [False, True])
def test_an_activation_is_the_output_of_the_cell(residual: bool) -> None:
    """Compare with the state after each token, read one by one; START and EOS have no activation."""
    made = network("lstm", residual=residual)
    texts = token_rows(TOKENIZER, "def x", "stream", 100)
    found = activations(made, texts)
    state = made(torch.tensor([[TOKENIZER.START]]))[1]
    for place, symbol in enumerate(texts[0][1:]):
        state = made(torch.tensor([[int(symbol)]]), state)[1]
        for layer, (a, _) in enumerate(state):
            assert found[place, layer] == pytest.approx(a[0].detach().numpy(), abs=1e-5)
    assert found.shape == (5, 2, 6)
    assert activations(made, token_rows(TOKENIZER, "def\n\nx", "line", 100)).shape == (4, 2, 6)


def test_a_unit_that_follows_a_probe_is_selected_and_confirmed() -> None:
    """Among units of noise, one counts the depth, one counts it negatively, one counts it in the first half only."""
    texts = token_rows(TOKENIZER, CODE, "stream", 10_000)
    probe = probe_values("depth", completed_texts(TOKENIZER, texts[0]))
    chance = np.random.default_rng(0)
    values = chance.normal(size=(len(probe), 2, 30)).astype(np.float32)
    values[:, 1, 4] = probe + 0.3 * chance.normal(size=len(probe))
    values[:, 0, 7] = -2 * probe + chance.normal(size=len(probe))
    values[: len(probe) // 2, 0, 9] = probe[: len(probe) // 2]
    ranking = correlated_units(values, probe, 10)
    assert [(each.layer, each.unit) for each in ranking[:3]] == [(1, 10), (2, 5), (1, 8)]
    assert [each.follows for each in ranking[:3]] == [False, True, True]
    assert ranking[2].first_half < -0.7 and ranking[2].second_half < -0.7
    half = len(probe) // 2
    for each in ranking:
        unit = values[:, each.layer - 1, each.unit - 1]
        assert each.first_half == pytest.approx(np.corrcoef(unit[:half], probe[:half])[0, 1])
        assert each.second_half == pytest.approx(np.corrcoef(unit[half:], probe[half:])[0, 1])


def test_units_of_noise_hardly_ever_follow() -> None:
    """The ten best of 200 look good in the half that selects; one in a hundred may be confirmed by chance."""
    chance = np.random.default_rng(1)
    probe = np.repeat(chance.integers(0, 2, 50), 8).astype(float)
    units = [each for _ in range(10) for each in correlated_units(chance.normal(size=(400, 1, 200)), probe, 10)]
    assert min(abs(each.first_half) for each in units) > 0.1
    assert sum(each.follows for each in units) <= 5


def test_a_unit_that_never_moves_follows_nothing() -> None:
    probe = np.arange(100.0) % 7
    (unit,) = correlated_units(np.ones((100, 1, 1), dtype=np.float32), probe, 5)
    assert (unit.first_half, unit.second_half, unit.follows) == (0, 0, False)


def test_a_probe_that_does_not_vary_is_refused() -> None:
    with pytest.raises(ConfigError, match="quotes: it never changes in the first half"):
        find_units(network("gru"), TOKENIZER, token_rows(TOKENIZER, CODE, "stream", 1000), "quotes", 5)


# gates


class Sigmoids(TorchFunctionMode):
    """Record what torch.sigmoid returns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[torch.Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is torch.sigmoid:
            self.found.append(result)
        return result


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_the_gate_activations_are_those_of_the_step(cell: str) -> None:
    made = network(cell, layers=1).cells[0]
    projected = made.project(torch.randn(3, 4))
    state = tuple(torch.rand(3, made.state_size) for _ in range(made.state_tensors))
    with Sigmoids() as seen:
        made.step(projected, state)
    activations = made.gate_activations(projected, state[0])
    computed = [part for each in seen.found for part in each.chunk(each.shape[1] // 6, dim=1)]
    for name, gate in activations.items():
        both = [*computed, *(1 - each for each in computed)]
        assert any(torch.allclose(gate, each, atol=1e-6) for each in both), name
    assert bool(activations) == (cell not in ("rnn", "jordan"))


@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_saturation_counts_gates_along_the_text(cell: str) -> None:
    """Compare with gates computed step by step; the biases shut some gates and open others."""
    made = network(cell)
    torch.nn.init.normal_(made.cells[1].bias_ih, std=4)
    (row,) = token_rows(TOKENIZER, "def f(x):", "stream", 100)
    seen: dict[tuple[int, str], list[torch.Tensor]] = {}
    state = made.zero_state(1)
    for symbol in row:
        ids = torch.tensor([[int(symbol)]])
        below = None
        for layer, (one, out) in enumerate(zip(made.cells, made.layers(ids, state), strict=True)):
            projected = one.dense(made.embedding.project(ids, one)) if below is None else one.project(below)
            for name, gate in one.gate_activations(projected[0], state[layer][0]).items():
                seen.setdefault((layer + 1, name), []).append(gate[0])
            below = out.outputs
        state = made(ids, state)[1]
    found = saturations(made, [row])
    assert [(each.layer, each.gate) for each in found] == list(seen)
    for each in found:
        values = torch.stack(seen[each.layer, each.gate])
        assert each.left == pytest.approx((values < 0.1).float().mean(0).tolist())
        assert each.right == pytest.approx((values > 0.9).float().mean(0).tolist())
        assert sum(each.histogram) == pytest.approx(1) and len(each.histogram) == 20
    assert max(found[-1].left) > 0 < max(found[-1].right)


# the command


def test_a_text_has_a_digit_below_each_character(run: Run, stream_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    done = run("neurons", "-m", stream_folder, "--unit", "3", "In the beginning was the word")
    text, digits, legend, words = done.out.splitlines()
    assert text == "In the beginning was the word" and digits.isdigit() and len(digits) == len(text)
    assert legend.startswith("unit 3 of layer 1  0  1")
    model = charlm.load(stream_folder)
    values = activations(model.network, token_rows(model.tokenizer, text, "stream", 100))[:, 0, 2]
    assert digits[values.argmin()] == "0" and digits[values.argmax()] == "9"
    assert f"{values.min():.2f}" in words and f"{values.max():.2f}" in words
    assert max(map(len, done.out.splitlines())) <= 60


def test_json_has_the_activation_of_each_token(run: Run, line_folder: Path) -> None:
    values = json.loads(run("neurons", "-m", line_folder, "--json", "the cat\na dog").out)
    assert (values["layer"], values["tokens"]) == (1, list("the cata dog"))
    model = charlm.load(line_folder)
    every = activations(model.network, token_rows(model.tokenizer, "the cat\na dog", "line", 100))[:, 0]
    assert values["unit"] == every.var(axis=0).argmax() + 1, "the one that varies most"
    assert values["activations"] == pytest.approx(every[:, values["unit"] - 1].tolist())


def test_a_ranking_has_ten_units_in_a_table_and_in_json(run: Run, line_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    Path("text").write_text("the cats slept\na dog ran\n" * 20)
    shown = run("neurons", "-m", line_folder, "--find", "word", "--file", "text").out
    values = json.loads(run("neurons", "-m", line_folder, "--find", "word", "--file", "text", "--json").out)
    assert values["find"] == "word" and len(values["units"]) == 10
    strengths = [abs(each["found"]) for each in values["units"]]
    assert strengths == sorted(strengths, reverse=True)
    for each, line in zip(values["units"], shown.splitlines()[1:11], strict=True):
        assert line.split()[:3] == [str(each["layer"]), str(each["unit"]), f"{each['found']:.3f}"]
    assert max(map(len, shown.splitlines())) <= 60


def test_gates_are_shown_and_a_cell_without_says_so(run: Run, line_folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = run("neurons", "-m", line_folder, "--gates", "the cats slept").out
    values = [json.loads(line) for line in run("neurons", "-m", line_folder, "--gates", "--json", "a").out.splitlines()]
    assert [each["gate"] for each in values] == ["Γr", "Γu"] == [line.split()[1] for line in shown.splitlines()[1:3]]
    assert max(map(len, shown.splitlines())) <= 60
    Path("text").write_text("ab\ncd\n" * 30)
    run("train", "text", "--cell=rnn", *TINY, "--steps=1")
    refused = run("neurons", "--gates", "ab")
    assert refused.code == 2 and refused.err.endswith("error: the cell of this model, rnn, has no gates\n")


def test_a_picture_has_a_mark_for_each_unit_where_its_shares_are(run: Run, line_folder: Path) -> None:
    done = run("neurons", "-m", line_folder, "--gates", "--output", "gates.svg", "--json", "the cats slept")
    assert "gates.svg" in done.err
    drawn = Path("gates.svg").read_text(encoding="utf-8")
    marks = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+"><title>unit (\d+)', drawn)
    printed = [json.loads(line) for line in done.out.splitlines()]
    units = [(gate["right"][unit], gate["left"][unit], unit + 1) for gate in printed for unit in range(16)]
    assert len(marks) == len(units) == 2 * 16
    side = float(re.findall(r"M0 0H(\d+)V", drawn)[0])
    for mark, (opened, shut, unit) in zip(marks, units, strict=True):
        assert [float(each) for each in mark] == pytest.approx([opened * side, (1 - shut) * side, unit], abs=0.1)
    words = [text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Γr, layer 1", "Γu, layer 1", "0", "0.5", "1"} < set(words)
    assert sum(f"{bound} 0." in str(each) for each in words for bound in ("above", "below")) == 2, "of the two axes"
    refused = run("neurons", "-m", line_folder, "--gates", "--output", "gates.bmp", "the cats slept")
    assert refused.code == 2 and "ends in .svg" in refused.err


def test_units_are_counted_at_their_position_in_any_width() -> None:
    fields = {"a": [(0.0, 0.0)] * 12 + [(1.0, 0.0), (0.0, 1.0)], "b": [(0.5, 0.5)] * 3, "c": []}
    for width in (30, 60, 200):
        _, *lines, _, _ = scatter(fields, width)
        columns = len(lines[0].split("|")[1]) - 1
        assert max(map(len, scatter(fields, width))) <= width
        drawn = [line.split("|")[1][:columns] for line in lines]
        assert (drawn[0].strip(), drawn[-1][0], drawn[-1][-1]) == ("1", "+", "1")
        assert sum(line.count("3") for line in lines) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--unit", "17"], "units are 1 to 16"),
        (["--unit", "0"], "units are 1 to 16"),
        (["--layer", "3"], "it has one layer"),
        (["--find", "verbs"], "quotes, brackets"),
        (["--find", "quotes"], "first half"),
        (["--unit", "1", "--gates"], "one of"),
        (["--layer", "1", "--find", "word"], "one of"),
        (["--unit", "1", "--output", "x.svg"], "needs --gates"),
    ],
)
def test_a_missing_unit_layer_or_probe_is_refused_with_the_choices(
    run: Run, line_folder: Path, arguments: list[str], words: str
) -> None:
    refused = run("neurons", "-m", line_folder, *arguments, "the cats slept", "-q")
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err.splitlines()
    assert line.startswith("error: ") and words in line


def test_an_empty_text_is_refused(run: Run, line_folder: Path) -> None:
    assert run("neurons", "-m", line_folder, "", "-q").err.startswith("error: the text is empty; ")
