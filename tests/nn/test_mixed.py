"""Check the mixture of a network and counts: it is one distribution, however a text is read."""

import copy
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import STREAM
from mixtures import guided_logits, set_any_gate
from reference_run import ending, outcome

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.checkpoints.model_folder import unfinished
from charlm.checkpoints.training_state import newest
from charlm.nn.gate_fit import GateFit
from charlm.nn.mixed import ALONE, COUNTS, GATE, NETWORK, MixedNetwork
from charlm.nn.network import Network
from charlm.nn.probability import LOGPROB, entropy, log_probabilities, quantities
from charlm.plan import read_plan
from charlm.tasks.text import fitted_reader
from charlm.tasks.text.dataset import TextDataset
from charlm.training.events import Event, Finished, RolledBack, Validated
from charlm.training.learner import Learner

CORPORA = Path(__file__).parents[2] / "corpora"
LINES = "\n".join(f"{a} {b} {c}" for a in ("the", "a") for b in ("cat", "dog", "hen") for c in ("sat", "ran", "ate"))
KINDS = [("char", STREAM[:4000], "stream"), ("char", LINES, "line"), ("byte", STREAM[:3000], "stream"),
         ("word", STREAM[:6000], "stream"), ("word", LINES, "line")]  # fmt: skip


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]} {kind[2]}")
def model(request: pytest.FixtureRequest) -> charlm.LanguageModel:
    tokenizer, text, sequence = request.param
    model = charlm.train(
        text, tokenizer=tokenizer, sequence=sequence, ngram="5", hidden_size=8, layers=2, embedding_size=4, steps=12,
        batch_size=4, seq_len=8, seed=1, valid_fraction=0.2,
    )  # fmt: skip
    assert isinstance(model, charlm.LanguageModel) and isinstance(model.network, MixedNetwork)
    set_any_gate(model)
    return model


@pytest.fixture
def trained_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a network only after training."""
    monkeypatch.setattr(TextDataset, "first_model", lambda *_: None)


@pytest.fixture
def gate_as_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the gate as training left it."""
    monkeypatch.setattr(fitted_reader, "fit_gate", lambda *_: GateFit())


def known_texts(model: charlm.LanguageModel) -> list[str]:
    if model.line:
        return ["the cat sat", "a hen ate", "the dog ran"]
    return [STREAM[:30], STREAM[5:9], STREAM[40:90]]


def some_ids(model: charlm.LanguageModel, count: int) -> torch.Tensor:
    """Return ids that can follow each other, START first: (T, 1)."""
    network = model.network
    allowed = np.flatnonzero(network.allowed_tokens.numpy())
    ids = np.random.default_rng(1).choice(allowed, count)
    return torch.from_numpy(np.concatenate(([model.tokenizer.START], ids)))[:, None]


@torch.no_grad()
def test_probabilities_sum_to_one_and_what_cannot_occur_has_none(model: charlm.LanguageModel) -> None:
    logprobs, _ = model.network(some_ids(model, 40))
    torch.testing.assert_close(logprobs.logsumexp(2), torch.zeros(41, 1), atol=1e-5, rtol=0)
    assert (logprobs[..., ~model.network.allowed_tokens] == -math.inf).all()


@torch.no_grad()
def test_it_is_the_mixture_of_both_parts_by_the_gate(model: charlm.LanguageModel) -> None:
    network, ids = model.network, some_ids(model, 12)
    assert isinstance(network, MixedNetwork)
    outputs, _ = network.outputs(ids)
    by_network = torch.softmax(guided_logits(network, ids), 1)
    mixed = network.logits(outputs).exp()
    for t in range(len(ids)):
        context = ids[max(0, t - 3) : t + 1, 0].numpy()
        counted = torch.from_numpy(network.counts.distribution(context))
        distance = counted - by_network[t]
        share = (mixed[t, 0] - by_network[t]) @ distance / distance.square().sum()
        assert 0 < float(share) < 1
        torch.testing.assert_close(mixed[t, 0], by_network[t] + share * distance, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_probability_of_a_target_is_that_of_the_distribution(model: charlm.LanguageModel) -> None:
    ids = some_ids(model, 60)
    outputs, _ = model.network.outputs(ids[:-1])
    expected = model.network.logits(outputs)[:, 0].gather(1, ids[1:])[:, 0]
    torch.testing.assert_close(model.network.target_log_probability(outputs[:, 0], ids[1:, 0]), expected)
    unknown, _ = model.network.outputs(ids[3:-1])  # from the middle, with contexts that are not known at first
    expected = model.network.logits(unknown)[:, 0].gather(1, ids[4:])[:, 0]
    torch.testing.assert_close(model.network.target_log_probability(unknown[:, 0], ids[4:, 0]), expected)


def test_tokens_that_cannot_occur_leave_the_gradients_finite(model: charlm.LanguageModel) -> None:
    network = copy.deepcopy(model.network)
    assert not network.allowed_tokens.all()
    logprobs, _ = network(some_ids(model, 9))
    logprobs[..., network.allowed_tokens].sum().backward()
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    assert gradients and all(bool(each.isfinite().all()) for each in gradients)


@torch.no_grad()
def test_a_whole_text_is_the_same_step_by_step(model: charlm.LanguageModel) -> None:
    ids = some_ids(model, 20)
    whole, last = model.network(ids)
    state = None
    for t, each in enumerate(ids):
        logprobs, state = model.network(each[None], state)
        torch.testing.assert_close(logprobs[0], whole[t], atol=1e-5, rtol=1e-4)
    assert state is not None
    torch.testing.assert_close(state, last)


def test_a_score_does_not_depend_on_the_batch_and_is_the_sum_of_its_tokens(model: charlm.LanguageModel) -> None:
    texts = known_texts(model)
    together = model.score_many(texts)
    for text, score in zip(texts, together, strict=True):
        assert math.isfinite(score.logprob)
        assert model.score(text).logprob == pytest.approx(score.logprob, rel=1e-5)
        assert sum(score.logprobs) == pytest.approx(score.logprob, rel=1e-5)


def test_training_reports_what_evaluate_computes(model: charlm.LanguageModel) -> None:
    rows = [np.array([model.tokenizer.START, *model.tokenizer.encode("the cat sat on the mat")])]
    copied = copy.deepcopy(model.network)
    assert copied.counts is model.network.counts
    np.testing.assert_array_equal(log_probabilities(copied, rows)[0], log_probabilities(model.network, rows)[0])


def test_the_counts_of_the_training_part_leave_its_own_tokens_out(trained_only: None, gate_as_trained: None) -> None:
    """A text that never repeats: its own counts would know every token; without them they know nothing."""
    text = "".join(chr(0x4E00 + n) for n in range(600)) + "\n"
    settings = {"hidden_size": 8, "layers": 1, "steps": 60, "batch_size": 4, "seq_len": 8, "seed": 1}
    mixed = charlm.train(text, valid=text[:50] + "\n", sequence="stream", ngram="4", **settings)  # type: ignore[arg-type]
    gate = mixed.network.gate_table.detach().view(4, -1)
    start = (torch.arange(4) - 2) / 2 + 2
    assert torch.equal(gate[1:], start[1:, None].expand_as(gate[1:])), "no context of even one token is ever seen"
    assert not torch.equal(gate[0], start[0].expand_as(gate[0]))


def test_without_counts_the_network_is_the_one_there_was() -> None:
    settings: dict[str, Any] = {"hidden_size": 8, "layers": 1, "steps": 3, "batch_size": 4, "seq_len": 8, "seed": 1}
    plain = charlm.train(STREAM[:2000], ngram="none", **settings)
    assert type(plain.network) is Network and "ngram" not in plain.config.to_json()


@pytest.mark.parametrize("wrong", ["1", "100", "many", "", "-3"])
def test_an_order_that_is_impossible_is_refused(wrong: str) -> None:
    with pytest.raises(charlm.ConfigError, match="ngram is"):
        charlm.ModelConfig(ngram=wrong)


def test_a_folder_has_the_counts_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"ngram": "4", "hidden_size": 8, "layers": 1, "steps": 8, "batch_size": 4, "seq_len": 8}
    whole = charlm.train(STREAM[:3000], folder=tmp_path / "whole", seed=1, **settings)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "backward", ending(Learner.backward, 5))
        with pytest.raises(KeyboardInterrupt):
            charlm.train(STREAM[:3000], folder=tmp_path / "stopped", seed=1, **settings)
    charlm.train(STREAM[:3000], folder=tmp_path / "stopped", seed=1, resume=True, **settings)
    for name in ("model.safetensors", "counts.safetensors"):
        one, two = ((tmp_path / each / name).read_bytes() for each in ("whole", "stopped"))
        assert one == two
    loaded = charlm.load(tmp_path / "whole")
    assert loaded.score("the cat") == whole.score("the cat")
    assert loaded.sample("the ", seed=3, length=20) == whole.sample("the ", seed=3, length=20)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "counts.safetensors").read_bytes() == one


def test_changed_or_missing_counts_are_refused(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ngram": "3", "hidden_size": 8, "layers": 1, "steps": 2, "batch_size": 4, "seq_len": 8}
    charlm.train(STREAM[:2000], folder=tmp_path / "m", seed=1, **settings)
    counts = tmp_path / "m" / "counts.safetensors"
    data = counts.read_bytes()
    counts.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(charlm.ModelError, match=r"counts\.safetensors"):
        charlm.load(tmp_path / "m")
    counts.unlink()
    with pytest.raises(charlm.ModelError, match=r"counts\.safetensors"):
        charlm.load(tmp_path / "m")


def test_the_network_alone_is_the_same_network(model: charlm.LanguageModel) -> None:
    alone = model.without_counts()
    assert type(alone.network) is Network and alone.config.ngram == "none"
    ids = some_ids(model, 9)
    with torch.no_grad():
        outputs, _ = model.network.outputs(ids)
        torch.testing.assert_close(
            alone.network(ids)[0], model.network.logits(outputs[..., : alone.network.hidden_size])
        )
    assert alone.without_counts() is alone


@pytest.mark.parametrize("method", ["dynamic", "cache"])
def test_it_adapts(model: charlm.LanguageModel, method: str) -> None:
    score = model.adapted(method).score(known_texts(model)[0])
    assert math.isfinite(score.logprob) and sum(score.logprobs) == pytest.approx(score.logprob, rel=1e-5)


def test_the_network_learns_as_if_it_were_alone(trained_only: None) -> None:
    settings: dict[str, Any] = {"hidden_size": 8, "layers": 1, "steps": 30, "batch_size": 4, "seq_len": 8, "seed": 1}
    mixed = charlm.train(STREAM[:3000], ngram="4", ngram_guesses=False, clip=1e6, **settings)
    alone = charlm.train(STREAM[:3000], ngram="none", clip=1e6, **settings)
    for name, weight in alone.network.state_dict().items():
        assert torch.equal(weight, mixed.network.state_dict()[name]), name
    assert mixed.evaluate(STREAM[3000:3600]).nats_per_token < alone.evaluate(STREAM[3000:3600]).nats_per_token  # type: ignore[operator]


@torch.no_grad()
def test_the_parts_of_a_probability_make_it(model: charlm.LanguageModel) -> None:
    """P = (1 - g) · P_network + g · P_counts, where P_network knows the guesses of the counts."""
    network, (row,) = model.network, some_ids(model, 40).T.numpy()
    assert isinstance(network, MixedNetwork)
    (values,) = quantities(network, [row], {})
    whole, by_network, counted, gate = (values[name] for name in (LOGPROB, NETWORK, COUNTS, GATE))
    np.testing.assert_allclose(np.exp(whole), (1 - gate) * np.exp(by_network) + gate * np.exp(counted), rtol=1e-5)
    ids = torch.from_numpy(row)[:, None]
    expected = torch.log_softmax(guided_logits(network, ids[:-1]), 1).gather(1, ids[1:])[:, 0]
    np.testing.assert_allclose(by_network, expected, rtol=1e-4)
    np.testing.assert_allclose(counted, network.counts.log_probabilities([row])[0], rtol=1e-5)
    (full,) = quantities(network, [row], {"entropy": entropy})
    assert all(full[name].tolist() == values[name].tolist() for name in network.part_names)
    without = model.without_counts().network
    assert set(quantities(without, [row], {})[0]) == {LOGPROB}
    (alone,) = quantities(network, [row], {}, parts=[ALONE])
    np.testing.assert_allclose(alone[ALONE], log_probabilities(without, [row])[0], rtol=1e-5)
    assert np.abs(alone[ALONE] - by_network).max() > 0.1, "the guesses matter"


def first(text: str, **settings: Any) -> tuple[charlm.LanguageModel, list[Event]]:
    """Train a network that cannot beat the counts."""
    events: list[Event] = []
    small: dict[str, Any] = {"hidden_size": 4, "layers": 1, "batch_size": 4, "seq_len": 8, "seed": 1, "ngram": "4"}
    model = charlm.train(text, report=events.append, **(small | {"steps": 1} | settings))
    assert isinstance(model, charlm.LanguageModel)
    return model, events


@pytest.mark.parametrize(("text", "sequence"), [(STREAM[:3000], "stream"), (LINES, "line")])
def test_the_counts_alone_are_the_first_model(text: str, sequence: str) -> None:
    model, events = first(text, sequence=sequence)
    assert isinstance(model.network, MixedNetwork)
    start, last = (event for event in events if isinstance(event, Validated))
    (end,) = (event for event in events if isinstance(event, Finished))
    assert (start.progress.step, start.best, last.best, end.best_step) == (0, True, False, 0)
    assert "(counts alone)  best so far" in str(start) and start.answered and not last.answered
    texts = known_texts(model)
    rows = [model.tokenizer.sequence(model.tokenizer.encode(text), eos=model.line) for text in texts]
    for row, score in zip(model.network.counts.log_probabilities(rows), model.score_many(texts), strict=True):
        assert score.logprob == pytest.approx(row.sum(), rel=1e-5)


def test_counts_that_do_not_help_get_no_share(tmp_path: Path, gate_as_trained: None) -> None:
    """Nothing can be learned of random letters, and what was counted of them is misleading."""
    letters = "".join(map(chr, np.random.default_rng(4).integers(97, 123, 20_000))) + "\n"
    more: dict[str, Any] = {"folder": tmp_path / "m", "ngram": "5", "steps": 60, "seq_len": 32, "sequence": "stream"}
    _, events = first(letters, **more)
    last, end = ([event for event in events if isinstance(event, kind)][-1] for kind in (Validated, Finished))
    assert last.best and end.best_step == 60
    figures = last.evaluation.parts
    assert last.evaluation.headline == figures[NETWORK] < figures[COUNTS]
    loaded = charlm.load(tmp_path / "m")
    assert isinstance(loaded, charlm.LanguageModel)
    assert max(loaded.score(letters[:200]).gates or [1]) < 1e-15
    again = loaded.evaluate(letters[:2000], streams=1)
    assert again.bits_per_char == pytest.approx(again.parts[NETWORK])
    more["steps"] = 90
    _, later = first(letters, **more, resume=True)
    assert [event for event in later if isinstance(event, Finished)][-1].best_step >= 60


@pytest.mark.parametrize("ngram", ["4", "none"])
def test_a_run_is_saved_and_continues_with_unknown_characters_held_out(tmp_path: Path, ngram: str) -> None:
    (tmp_path / "valid.txt").write_text("the cat sat\nthe cat é\n")
    more: dict[str, Any] = {"valid": tmp_path / "valid.txt", "ngram": ngram, "steps": 4}
    more |= {"folder": tmp_path / "m", "save_every": 0.0}
    _, (*_, end) = first(LINES, **more)
    assert isinstance(end, Finished) and end.evaluation.unknown == 1 and end.evaluation.nats == math.inf
    assert math.isfinite(end.evaluation.known_nats)
    stopped = tmp_path / "stopped"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "apply", ending(Learner.apply, 3))
        first(LINES, **more | {"folder": stopped})
    _, events = first(LINES, **more | {"folder": stopped}, resume=True)
    assert [each for each in events if isinstance(each, Finished)][-1].evaluation == end.evaluation


def test_a_run_goes_on_from_the_counts_with_a_gate_that_learns(tmp_path: Path) -> None:
    """It keeps the counts until the mixture is better than they are."""
    text = (CORPORA / "court.txt").read_text()[:12_000]
    more: dict[str, Any] = {"folder": tmp_path / "m", "ngram": "2", "hidden_size": 32, "seq_len": 32}
    model, events = first(text, **more)
    assert isinstance(model.network, MixedNetwork) and model.network.gate_table.min() == 40
    whole, later = first(text, **more, steps=60, resume=True)
    assert isinstance(whole.network, MixedNetwork) and whole.network.gate_table.max() < 20
    of_counts, start = (next(event for event in some if isinstance(event, Validated)) for some in (events, later))
    assert start.best and start.evaluation == of_counts.evaluation, "the model of the earlier run has to be beaten"
    assert charlm.load(tmp_path / "m").score("the cat") == whole.score("the cat")  # type: ignore[attr-defined]


def test_a_run_that_goes_on_from_the_counts_has_the_network_of_its_base(tmp_path: Path) -> None:
    """The first run starts from another model, which the second does not need."""
    base, _ = first(LINES, folder=tmp_path / "base", ngram="none", steps=20)
    more: dict[str, Any] = {"folder": tmp_path / "m", "ngram": "5", "save_every": 0.0}
    charlm.train(LINES, start_from=base, steps=1, batch_size=4, seq_len=8, seed=1, **more)
    assert describe(tmp_path / "m")["step"] == 0
    network = base.network.cells[0].weight_hh
    assert charlm.load(tmp_path / "m").network.cells[0].weight_hh.equal(network)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Learner, "backward", ending(Learner.backward, 0))
        charlm.train(LINES, folder=tmp_path / "m", steps=3, resume=True)
    state, _ = newest(tmp_path / "m")
    assert unfinished(tmp_path / "m") == tmp_path / "m" and state is not None and state.step == 1
    (name,) = (each for each in state.tensors if each.endswith("cells.0.weight_hh") and "best" not in each)
    assert state.tensors[name].equal(network)


def test_a_run_that_goes_back_to_its_beginning_keeps_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first loss is not a number, so no state is there but the one without a model."""
    whole, losses = Learner.backward, iter([math.nan])
    monkeypatch.setattr(Learner, "backward", lambda *given: (next(losses, 0) + whole(*given)[0], 1.0))
    model, events = first(STREAM[:3000], steps=2)
    assert any(isinstance(event, RolledBack) for event in events)
    *_, last = (event for event in events if isinstance(event, Validated))
    assert not last.best and isinstance(model.network, MixedNetwork) and model.network.gate_table.min() == 40


def test_a_run_that_is_stopped_while_the_counts_are_measured_keeps_them_when_it_goes_on(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TextDataset, "first_model", ending(TextDataset.first_model, 0))
        first(STREAM[:3000], folder=tmp_path / "m", save_every=0.0)
    model, _ = first(STREAM[:3000], folder=tmp_path / "m", save_every=0.0, resume=True)
    assert isinstance(model.network, MixedNetwork) and model.network.gate_table.min() == 40
    first(STREAM[:3000], folder=tmp_path / "whole" / "m", save_every=0.0)
    assert outcome(tmp_path / "m") == outcome(tmp_path / "whole" / "m")


def test_a_batch_in_parts_gives_the_same_weights(trained_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """So each part has the figures of its own rows."""
    whole, _ = first(STREAM[:3000], steps=20, dropout=0.0, precision="float32")
    backward = Learner.backward

    def in_parts(learner: Learner, *given: Any) -> Any:
        learner.micro_batches = 3
        return backward(learner, *given)

    monkeypatch.setattr(Learner, "backward", in_parts)
    parts, _ = first(STREAM[:3000], steps=20, dropout=0.0, precision="float32")
    for name, weight in whole.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def test_a_model_is_made_without_the_compiler_of_torch() -> None:
    """It takes seconds to load, and every command that loads a model would wait for it."""
    program = """
import sys, torch
from charlm.config import ModelConfig
from charlm.nn.mixed import MixedNetwork
with torch.device("meta"):
    MixedNetwork(ModelConfig(embedding_size=4, hidden_size=4, layers=1, dropout=0.0, ngram="6"), 9)
print("torch._dynamo" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_a_run_that_is_stopped_keeps_the_better_of_the_counts_and_the_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts are there before the first step, and the mixture is validated when the run stops."""
    text = (CORPORA / "court.txt").read_text()[:12_000]
    for steps, name in ((0, "counts"), (30, "mixture")):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Learner, "backward", ending(Learner.backward, steps))
            first(text, folder=tmp_path / name, steps=400, ngram="2", hidden_size=32, seq_len=32)
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("counts", "mixture")]
    steps = [[each["step"] for each in map(json.loads, some) if "valid" in each] for some in lines]
    assert steps == [[0], [0, 30]]
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("counts", "mixture"))
    assert one != two


@pytest.mark.parametrize("tokens", [0, 700])
def test_the_plan_repeats_what_was_counted(tmp_path: Path, tokens: int) -> None:
    first(STREAM[:3000], folder=tmp_path / "a", ngram="auto", ngram_tokens=tokens, ngram_size=0.5, steps=3)
    plan = read_plan(tmp_path / "a" / "plan.json")
    assert (plan.model.ngram, plan.train.ngram_tokens, plan.train.ngram_size) == ("6", tokens, 0.5)
    assert plan.train.ngram_blocks == 16
    charlm.train(STREAM[:3000], plan=tmp_path / "a" / "plan.json", folder=tmp_path / "b")
    for name in ("model.safetensors", "counts.safetensors", "plan.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_without_counts_a_plan_names_none(tmp_path: Path) -> None:
    first(STREAM[:2000], folder=tmp_path / "m", ngram="none")
    assert "ngram" not in (tmp_path / "m" / "plan.json").read_text()


def test_a_gate_can_turn_back(trained_only: None, gate_as_trained: None) -> None:
    """It follows the network at first, but no part loses its share."""
    mixed = charlm.train(
        LINES, ngram="3", hidden_size=16, layers=1, steps=100, learning_rate=0.5, batch_size=4, seq_len=8, seed=1
    )
    table = mixed.network.gate_table.detach()
    assert table.abs().max() == pytest.approx(4)
