"""A run that starts from a language model: what its weights are at first, how it goes on, and what is kept of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import LINES, QUICK, STREAM, Outcome
from mixtures import trained_only

import charlm
from charlm.checkpoints.checkpoint import describe
from charlm.data.counterparts import counterparts
from charlm.nn.network import Network
from charlm.plan import read_plan
from charlm.tasks import _start
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.tokenizers.sentencepiece.pieces import complete
from charlm.tokenizers.subword import SubwordTokenizer
from charlm.tokenizers.word import WordTokenizer
from charlm.training.events import Event, Planned, Validated
from charlm.training.recipe import resolve_rates

SHAPE: dict[str, Any] = {"hidden_size": 16, "layers": 1, "embedding_size": 8, "ngram": "none"}
LABELED = Path("animals.txt")
_LABELED = "".join(f"__label__{'cat' if 'cat' in line else 'dog'} {line}\n" for line in LINES.splitlines()[:60])


@pytest.fixture
def base(line_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model of lines in checkpoints/ of a folder that has labeled lines besides: its name."""
    monkeypatch.chdir(tmp_path)
    LABELED.write_text(_LABELED)
    shutil.copytree(line_folder, tmp_path / "checkpoints" / "base")
    return "base"


def train(text: str | Path = STREAM, steps: int = 6, **settings: Any) -> Any:
    """Train a network alone for a few steps, or as a plan or a run in a folder says."""
    if "plan" not in settings and not settings.get("resume"):
        settings = {"config": replace(QUICK, steps=steps), "ngram": "none"} | settings
    return charlm.train(text, **settings)


def weights_of(network: Any) -> dict[str, torch.Tensor]:
    return dict(network.state_dict())


def assert_same_cells(network: Any, other: Any) -> None:
    """The forward stacks have the same weights."""
    for name, weight in network.cells.named_parameters():
        assert weight.equal(other.cells.get_parameter(name))


def started(model: charlm.LanguageModel, tokenizer: Any, **changes: Any) -> tuple[Network, str]:
    """A network for another vocabulary that has started from a model and took no step, and its words."""
    torch.manual_seed(1)
    network = Network(replace(model.config, **changes), tokenizer.size)
    return network, _start.start(network, tokenizer, model)


# The counterparts of tokens.


def test_a_character_starts_as_itself_a_similar_one_or_none() -> None:
    found = counterparts(CharTokenizer(" aeÉz"), CharTokenizer("AZaàexé"))
    assert found.inputs.tolist() == [0, 1, 2, 4, 7, 4, 4, 5, -1, 6]
    assert found.outputs.tolist() == found.inputs.tolist()
    assert (found.known, found.without) == (2, 1)
    assert found.similar == (("A", "a"), ("Z", "z"), ("à", "a"), ("é", "É"))
    assert str(found) == "2 of 7 tokens known, 4 like a similar one, such as 'A' like 'a', 1 at the mean"


def test_a_newline_is_the_start_of_a_line_where_it_is_read_and_its_end_where_it_is_predicted() -> None:
    found = counterparts(CharTokenizer("a"), CharTokenizer("\na"))
    assert (found.inputs[3], found.outputs[3]) == (CharTokenizer.START, CharTokenizer.EOS)
    found = counterparts(CharTokenizer("\na"), CharTokenizer("a"))
    assert (found.inputs[2], found.outputs[2]) == (CharTokenizer.EOS, 3)


def test_words_and_pieces_are_known_by_their_text() -> None:
    found = counterparts(WordTokenizer(["the", "Cat", "a", " "]), WordTokenizer(["cat", "the", "dog"]))
    assert found.inputs.tolist() == [0, 1, 2, 4, 3, -1]
    old = SubwordTokenizer("unigram", complete([("a", -1.0), (" cat", -2.0), (" ", -3.0)]))
    new = SubwordTokenizer("unigram", complete([(" ", -1.0), ("cat", -2.0), ("a", -3.0), (" cats", -3.0)]))
    found = counterparts(old, new)
    texts = [old.token_text(index) if index >= 0 else None for index in found.inputs]
    named = dict(zip(map(new.token_text, range(new.size)), texts, strict=True))
    assert (named["a"], named["cat"], named[" cats"], named["<0xC3>"]) == ("a", " cat", None, "<0xC3>")


def test_all_bytes_are_known() -> None:
    found = counterparts(ByteTokenizer(), ByteTokenizer())
    assert found.inputs.tolist() == list(range(ByteTokenizer().size))
    assert str(found) == "all 256 tokens are known"


# The weights at first.


def test_rows_of_known_tokens_are_carried_over_and_others_are_the_mean(line_model: charlm.LanguageModel) -> None:
    network, _ = started(line_model, CharTokenizer("Tahz"))
    old, new = weights_of(line_model.network), weights_of(network)
    texts = [line_model.tokenizer.token_text(index) for index in range(line_model.tokenizer.size)]
    t, a, h = (texts.index(letter) for letter in "tah")
    for index, row in ((3, t), (4, a), (5, h)):
        assert new["embedding.weight"][index].equal(old["embedding.weight"][row])
        assert new["readout.weight"][index].equal(old["readout.weight"][row])
        assert new["readout.bias"][index].equal(old["readout.bias"][row])
    torch.testing.assert_close(new["embedding.weight"][6], old["embedding.weight"][3:].mean(0))
    torch.testing.assert_close(new["readout.weight"][6], old["readout.weight"][3:].mean(0))
    assert_same_cells(network, line_model.network)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"embedding": "one-hot"},
        {"cell": "jordan", "layers": 2},
        {"tie_weights": True, "embedding_size": 16},
        {"readout_layers": 2, "residual": True, "layers": 2},
        {"readout": "adaptive"},
        {"readout": "adaptive", "shortlist": 9},
    ],
    ids=lambda changes: "-".join(map(str, changes)) or "plain",
)
def test_another_order_of_the_tokens_gives_the_same_probabilities(changes: dict[str, Any]) -> None:
    """So every weight has found its place, whatever the parts of the network are."""
    words = [chr(ord("a") + number) for number in range(26)]
    old, new = WordTokenizer(words), WordTokenizer(words[13:] + words[:13])
    config = charlm.ModelConfig(sequence="line", tokenizer="word", **{**SHAPE, "dropout": 0.0, **changes})
    torch.manual_seed(0)
    network = Network(config, old.size).eval()
    counts = torch.arange(old.size)
    network.set_output_statistics(torch.ones(old.size, dtype=torch.bool), counts)
    model = charlm.LanguageModel(config, old, network)
    other = Network(config, new.size).eval()
    order = torch.tensor([0, 1, 2, *range(16, 29), *range(3, 16)])  # id in the old vocabulary of each new id
    other.set_output_statistics(torch.ones(new.size, dtype=torch.bool), counts[order])
    _start.start(other, new, model)
    ids = torch.from_numpy(np.concatenate(([1], new.encode("abcxyz"))).astype(np.int64))[:, None]
    torch.testing.assert_close(other(ids)[0], network(order[ids])[0][..., order], rtol=1e-4, atol=1e-4)


def test_an_end_that_was_never_learned_starts_as_a_newline(stream_model: charlm.LanguageModel) -> None:
    tokenizer = CharTokenizer(stream_model.tokenizer.characters.replace("\n", ""))  # type: ignore[attr-defined]
    network, _ = started(stream_model, tokenizer, sequence="line")
    newline = int(stream_model.tokenizer.encode("\n")[0])
    new, old = weights_of(network), weights_of(stream_model.network)
    assert new["readout.weight"][tokenizer.EOS].equal(old["readout.weight"][newline])


def test_a_classifier_takes_the_embedding_and_the_cells(base: str) -> None:
    model = train(LABELED, steps=1, start_from=base, freeze=True)
    assert isinstance(model, charlm.Classifier)
    assert model.network.ngrams is not None and model.network.ngrams.table.any()
    assert model.config.hidden_size == 16
    assert_same_cells(model.network, charlm.load(base).network)


# The run.


def test_it_begins_better_than_a_new_network(base: str) -> None:
    other = "".join(f"{name} {verb}\n" for name in ("the dogs", "a cat") for verb in ("slept", "ran", "rest")) * 30
    first, new = train(other, start_from=base), train(other, **SHAPE)
    text = "the dogs slept"
    assert first.evaluate(text).nats_per_token < new.evaluate(text).nats_per_token - 0.2


def test_a_model_with_counts_gives_its_network_and_the_new_text_is_counted(base: str, tmp_path: Path) -> None:
    """`base` has no counts, the second model has."""
    with trained_only():
        second = train(LINES, start_from=base, ngram="4", steps=20, folder="checkpoints/second")
    third = train(STREAM, start_from="second", freeze=True, ngram="auto", folder="checkpoints/third")
    assert_same_cells(third.network, second.network)
    assert (second.config.ngram, third.config.ngram) == ("4", "6")
    names = (Path("checkpoints") / name / "counts.safetensors" for name in ("second", "third"))
    assert len({name.read_bytes() for name in names}) == 2
    alone = train(STREAM, start_from="second", freeze=True, ngram="none")
    assert type(alone.network) is Network
    assert_same_cells(alone.network, second.network)


def test_the_plan_says_what_the_tokens_start_as(base: str) -> None:
    events: list[Event] = []
    train(LINES + "THE CATS 7\n", start_from=base, report=events.append)
    planned = next(event for event in events if isinstance(event, Planned))
    row = dict(planned.about.after)["start"]
    assert row.startswith("base: 14 of 21 tokens known, 6 like a similar one, such as 'A' like 'a', 1 at the mean")
    assert planned.size_reason == "as in base"


def test_plan_and_config_name_the_model_and_its_corpus(base: str, tmp_path: Path) -> None:
    train(start_from=base, folder=tmp_path / "next")
    plan = json.loads((tmp_path / "next" / "plan.json").read_text())
    described = describe(tmp_path / "next")
    origin = described["corpus"]["start"]
    assert plan["train"]["start_from"] == origin["model"] == "base"
    assert plan["train"]["start_sha256"] == origin["sha256"]
    assert "freeze" not in plan["train"]
    header = (Path("checkpoints/base") / "model.safetensors").read_bytes()[:2000]
    assert f'"sha256_tensors":"{origin["sha256"]}"'.encode() in header
    assert origin["corpus"]["sha256"] == describe(Path("checkpoints/base"))["corpus"]["sha256"]
    card = (tmp_path / "next" / "README.md").read_text()
    assert f"| started from | base, SHA-256 {origin['sha256']}, trained on text: 3,330 characters |" in card


def test_info_names_the_models_before(base: str, run: Any) -> None:
    train(start_from=base, folder="checkpoints/second")
    train(LINES, start_from="second", folder="checkpoints/third")
    printed: Outcome = run("info", "third")
    (line,) = (line for line in printed.out.splitlines() if line.startswith("started from"))
    assert line.startswith("started from second, SHA-256 ") and "; it started from base, SHA-256 " in line


def test_without_a_model_the_plan_is_as_before(tmp_path: Path) -> None:
    train(folder=tmp_path / "plain", **SHAPE)
    assert not {"start_from", "start_sha256", "freeze"} & set(
        json.loads((tmp_path / "plain" / "plan.json").read_text())["train"]
    )
    assert "start" not in describe(tmp_path / "plain")["corpus"]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("text", "freeze"), [(STREAM, False), (STREAM, True), (LABELED, False)])
def test_a_resumed_run_ends_with_the_same_bytes_without_the_model(
    base: str, tmp_path: Path, text: str | Path, freeze: bool
) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Validated):
            raise KeyboardInterrupt

    whole, resumed = tmp_path / "a" / "m", tmp_path / "b" / "m"
    train(text, start_from=base, freeze=freeze, folder=whole)
    plan = replace(read_plan(whole / "plan.json"), validations=3)
    train(text, plan=plan, folder=whole, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        train(text, plan=plan, folder=resumed, report=interrupt)
    shutil.rmtree("checkpoints/base")
    train(text, folder=resumed, resume=True)
    assert weights(resumed) == weights(whole)
    for name in ("config.json", "plan.json", "README.md"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_a_finished_run_continues_without_the_model(base: str, tmp_path: Path) -> None:
    train(start_from=base, folder=tmp_path / "m")
    shutil.rmtree("checkpoints/base")
    charlm.train(STREAM, folder=tmp_path / "m", resume=True, steps=9)
    assert describe(tmp_path / "m")["corpus"]["start"]["model"] == "base"
    assert read_plan(tmp_path / "m" / "plan.json").total == 9


def test_a_plan_is_repeated_from_the_same_model_alone(base: str, tmp_path: Path) -> None:
    train(start_from=base, folder=tmp_path / "a" / "m")
    plan = tmp_path / "a" / "m" / "plan.json"
    train(plan=plan, folder=tmp_path / "b" / "m")
    assert weights(tmp_path / "a" / "m") == weights(tmp_path / "b" / "m")
    sha256 = read_plan(plan).train.start_sha256
    shutil.move("checkpoints/base", "checkpoints/moved")
    with pytest.raises(charlm.ModelError, match=f"the plan starts from this model .SHA-256 of its weights {sha256}"):
        train(plan=plan)
    train(plan=plan, start_from="moved")
    train(LINES, **SHAPE, folder="checkpoints/base")
    with pytest.raises(charlm.ModelError, match="base is not the model that the plan starts from: the SHA-256"):
        train(plan=plan)


def test_what_is_frozen_stays_and_the_rest_learns(base: str) -> None:
    old = charlm.load(base)
    model = train(start_from=base, freeze=True)
    assert_same_cells(model.network, old.network)
    t, before = int(model.tokenizer.encode("t")[0]), int(old.tokenizer.encode("t")[0])
    new, given = weights_of(model.network), weights_of(old.network)
    assert new["embedding.weight"][t].equal(given["embedding.weight"][before])
    assert not new["readout.weight"][t].equal(given["readout.weight"][before])


def test_a_loaded_model_starts_a_run_as_its_name_does(base: str, tmp_path: Path) -> None:
    train(start_from=charlm.load(base), folder=tmp_path / "a" / "m")
    train(start_from=base, folder=tmp_path / "b" / "m")
    assert weights(tmp_path / "a" / "m") == weights(tmp_path / "b" / "m")
    by_path = train(start_from=Path("checkpoints") / base)
    assert by_path.record.corpus["start"]["model"] == str(Path("checkpoints") / base)


def test_a_language_model_goes_on_at_a_lower_rate(base: str) -> None:
    def rate(text: str | Path, **settings: Any) -> float:
        model: Any = charlm.train(text, steps=2, threads=1, **settings)
        return float(json.loads(model.record.files["plan.json"])["train"]["learning_rate"])

    assert rate(STREAM, **SHAPE) == rate(LABELED, start_from=base) == 2 * rate(STREAM, start_from=base)
    config = charlm.ModelConfig(**SHAPE)
    new, goes_on = (
        resolve_rates(charlm.TrainConfig(), config, steps=500, epochs=20, started=started) for started in (False, True)
    )
    assert new.learning_rate == 4 * (goes_on.learning_rate or 0)


# What is refused.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden_size": 32}, "base has hidden_size = 16, which a network that starts from it keeps, not 32"),
        ({"cell": "lstm"}, "base has cell = gru, which a network that starts from it keeps, not lstm"),
        ({"tokenizer": "byte"}, "base has tokenizer = char, which a network that starts from it keeps, not byte"),
        ({"embedding_file": "v.txt"}, "start_from brings the vectors of its model, and embedding_file has others"),
        ({"tokenizer": CharTokenizer("ab")}, "a vocabulary was given, but a network that starts from a model learns"),
        ({"start_from": "none"}, "there is no model checkpoints/none, only base; did you mean base?"),
    ],
)
def test_what_does_not_fit_is_named(base: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(charlm.CharlmError) as caught:
        train(**{"start_from": base, **settings})
    assert str(caught.value).startswith(sentence.split(", only")[0])


def test_only_a_language_model_that_is_finished_starts_a_run(base: str) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Validated):
            raise KeyboardInterrupt

    train(LABELED, steps=1, **SHAPE, folder="checkpoints/animals")
    with pytest.raises(charlm.ModelError, match="animals is a classifier; a run starts from a language model"):
        train(start_from="animals")
    with pytest.raises(KeyboardInterrupt):
        train(folder="checkpoints/half", report=interrupt, **SHAPE)
    with pytest.raises(charlm.ModelError, match="the training of half is not finished"):
        train(start_from="half")


def test_tied_weights_cannot_be_frozen(base: str) -> None:
    train(LINES, **{**SHAPE, "embedding_size": 16}, tie_weights=True, folder="checkpoints/tied")
    assert train(start_from="tied", steps=1).config.tie_weights
    with pytest.raises(charlm.ConfigError, match="freeze does not work with the tied weights of tied"):
        train(start_from="tied", freeze=True)


def test_freeze_needs_a_model() -> None:
    with pytest.raises(charlm.ConfigError, match="freeze needs a model to start from, and none is given"):
        train(freeze=True, **SHAPE)


def test_resume_takes_the_same_model_only(base: str, tmp_path: Path) -> None:
    train(start_from=base, folder=tmp_path / "m")
    charlm.train(STREAM, start_from=base, folder=tmp_path / "m", resume=True, steps=9)
    with pytest.raises(charlm.ConfigError, match="m has start_from = base, not other"):
        charlm.train(STREAM, start_from="other", folder=tmp_path / "m", resume=True, steps=12)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--from", "none"), 3, "there is no model checkpoints/none"),
        (("--from", "base", "--hidden-size", 9), 2, "base has --hidden-size = 16"),
        (("--from", "base", "--tokenizer-file", "t.json"), 2, "give one of them"),
        (("--freeze",), 2, "freeze needs a model to start from, and none is given; name it with --from"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    base: str, run: Any, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    Path("text.txt").write_text(STREAM)
    refused: Outcome = run("train", "text.txt", "--steps", 2, *arguments)
    assert (refused.code, sentence in refused.err) == (code, True), refused.err


def test_the_command_starts_from_a_model(base: str, run: Any) -> None:
    Path("text.txt").write_text(STREAM)
    done: Outcome = run("train", "text.txt", "--steps", 2, "--threads", 1, "--from", "base")
    assert done.code == 0 and "start      base: 12 of 21 tokens known, 2 like a similar one" in done.err, done.err
