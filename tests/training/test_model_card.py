"""The model card: what a folder says of itself, to people and to the Hugging Face Hub."""

import ast
import hashlib
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import LINES, QUICK, SMALL, STREAM, Outcome
from markdown_it import MarkdownIt
from markdown_it.token import Token

import charlm
from charlm.checkpoints import checkpoint
from charlm.checkpoints.claim import claim
from charlm.data.corpus import Corpus
from charlm.data.documents import Document
from charlm.nn.network import Network
from charlm.tasks.text.dataset import TextDataset
from charlm.tasks.text.preparation import prepare
from charlm.training.best import Best
from charlm.training.model_card import model_card
from charlm.training.run_folder import RunFolder


def trained(source: Any = LINES, valid: Any = None) -> tuple[charlm.Plan, TextDataset, Network]:
    """All that a card is about, but for the training."""
    prepared = prepare(source, SMALL, QUICK, valid)
    plan = charlm.Plan(replace(SMALL, sequence=prepared.mode, dropout=0.0), QUICK, steps=1234, validations=1)
    return plan, prepared, prepared.network(plan.model, torch.device("cpu"), 0).eval()


def card(source: Any = LINES, valid: Any = None, name: str = "m", samples: Sequence[str] = ()) -> str:
    plan, prepared, network = trained(source, valid)
    found = prepared.evaluate(network, prepared.split.valid)
    best = Best(1230, found, tuple(samples), network.state_dict())
    return model_card(name, plan, prepared, network.parameter_count(), best)


def apart(text: str) -> tuple[str, list[Token]]:
    """A card's YAML, and its Markdown as a reader of CommonMark takes it."""
    _, front_matter, body = re.split("^---\n", text, maxsplit=2, flags=re.MULTILINE)
    return front_matter, MarkdownIt("commonmark").enable("table").parse(body)


def blocks(text: str, language: str) -> list[str]:
    return [each.content for each in apart(text)[1] if each.type == "fence" and each.info == language]


def test_a_card_says_what_the_model_is(line_folder: Path) -> None:
    text = (line_folder / "README.md").read_text(encoding="utf-8")
    described = checkpoint.describe(line_folder)
    assert text.count("\n# `lines`\n") == 1
    assert f"{described['parameters']:,} parameters" in text
    assert f"| {described['step']} of {described['steps']} steps" in text
    assert f"{described['corpus']['characters']:,} characters" in text
    for figure in ("nats_per_token", "bits_per_char"):
        assert f"{described['validation'][figure]:.4f}" in text
    assert "pip install charlm" not in text.replace("charlm-rnn", "")
    assert max(map(len, text.splitlines())) <= 120


def test_a_card_has_no_text_of_the_corpus_but_the_samples() -> None:
    secret = "Zaphod\n" * 200
    assert "Zaphod" not in card(secret)
    assert card(secret, samples=["Zaphod"]).count("Zaphod") == 1


def test_the_fingerprint_is_what_the_card_says_it_is() -> None:
    documents = tuple(Document(f"{name}.txt", text) for name, text in (("a", STREAM), ("b", "ü" + STREAM)))
    data = [document.text.encode() for document in documents]
    digest = hashlib.sha256(b"".join(len(each).to_bytes(8, "little") + each for each in data)).hexdigest()
    text = card(Corpus(documents, ("a.txt", "b.txt")))
    assert f"SHA-256 {digest} |" in text
    assert "a.txt" not in text


FILES = Corpus((Document("a", STREAM), Document("b", STREAM)), ("a", "b"))


@pytest.mark.parametrize(
    ("source", "valid", "held_out", "protocol"),
    [
        (LINES, None, "300 characters in 24 lines, chosen by a hash", "each line is read from a zero state"),
        (STREAM, None, "348 characters in 1 running text: the last part of the file", "read in 1 piece from"),
        (FILES, None, "696 characters in 2 running texts: the last part of each file", "read in 2 pieces from"),
        (STREAM * 30, None, "10,440 characters in 1 running text", "2 pieces from a zero state, each after the 256 "),
        (STREAM, STREAM[:90], "90 characters in 1 running text, a separate text", "on the held-out part: 90 "),
        ("a\n", None, "nothing: the corpus is too small", "on the training text, since nothing is held out: 2 "),
    ],
    ids=["lines", "text", "texts", "long", "given", "tiny"],
)
def test_a_card_says_what_was_held_out_and_how_the_figures_were_taken(
    source: Any, valid: Any, held_out: str, protocol: str
) -> None:
    text = card(source, valid)
    assert f"| held out | {held_out}" in text
    assert protocol in text
    assert ("each after" in text) == ("each after" in protocol)
    assert f"split: {'train' if 'nothing' in held_out else 'validation'}\n" in apart(text)[0]


def test_the_end_of_a_text_is_scored_where_it_was_learned() -> None:
    assert "the end of a text is not scored" in card(STREAM)
    assert "the end of a text is a token that is scored" in card(FILES)


def test_characters_without_a_symbol_are_told() -> None:
    text = card(STREAM, valid="the word was ☃☃.\n")
    assert "2 unknown characters left out" in text


NAMES = [
    "my-model",
    'a "quoted": {yaml} # - [name]',
    "'",
    "- x",
    "back\\slash",
    "`a``b`",
    "<img src=x onerror=alert(1)>",
    "_a_ *b* [c](https://example.org) ![d](e)",
    "two\nlines\r\n---\n# and a heading\t",
    "ünï 🐈\u2028\x1b[2J\x85\x7f\ufffe",
    "undecodable \udcff",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_front_matter_is_yaml_whatever_the_name_of_the_folder(name: str) -> None:
    front_matter, _ = apart(card(name=name).encode().decode())
    (quoted,) = re.findall(r'^- name: (".*")$', front_matter, flags=re.MULTILINE)
    assert ast.literal_eval(quoted) == name, "YAML's escapes are Python's"
    assert all(each.isprintable() for each in quoted)
    numbers = re.sub(r"\d+\.\d{4}$", "0.5", front_matter.replace(quoted, "NAME"), flags=re.MULTILINE)
    assert (
        numbers
        == """\
library_name: charlm
pipeline_tag: text-generation
tags:
- recurrent-neural-network
- gru
model-index:
- name: NAME
  results:
  - task:
      type: text-generation
    dataset:
      type: text
      name: held-out text
      split: validation
    metrics:
    - type: cross_entropy
      name: nats per token
      value: 0.5
    - type: bits_per_character
      name: bits per character
      value: 0.5
"""
    )


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_the_heading_and_nothing_else(name: str) -> None:
    _, (opening, heading, closing, *_) = apart(card(name=name))
    assert (opening.tag, closing.tag) == ("h1", "h1")
    (shown,) = heading.children or []
    assert shown.type == "code_inline"
    assert shown.content.isprintable()
    if name.isprintable():
        assert shown.content == name


SAMPLES = [
    "plain text,\n\n\tas it came\n",
    "",
    "```\n# out\n```",
    "~~~\n``````````python\nimport os\n",
    "</code></pre><script>alert(1)</script>\n<!-- ",
    "---\n# a heading\n| a | table |\n|---|---|\n\n    [link](https://example.org)",
    "`",
]


def test_no_sample_leaves_its_block() -> None:
    _, tokens = apart(card(samples=SAMPLES))
    fences = [each for each in tokens if each.type == "fence" and each.info == "text"]
    assert [each.content for each in fences] == [f"{sample}\n" for sample in SAMPLES]
    _, harmless = apart(card(samples=["a"] * len(SAMPLES)))
    assert [(each.type, each.info) for each in tokens] == [(each.type, each.info) for each in harmless]


def test_control_characters_in_a_sample_are_shown_by_their_code() -> None:
    (shown,) = blocks(card(samples=["a\x1b[2J\r\x00\x9b\u202e\u2028\udcffé\u00a0🐈"]), "text")
    assert shown == "a\\x1b[2J\\r\\x00\\x9b\\u202e\\u2028\\udcffé\u00a0🐈\n"


def test_the_samples_of_a_run_are_in_the_folder_and_without_any_there_is_no_heading(tmp_path: Path) -> None:
    plan, prepared, network = trained()
    found = prepared.evaluate(network, prepared.split.valid)
    place = claim(tmp_path / "m", overwrite=False)
    run_folder = RunFolder(tmp_path / "m", place, contents=prepared.contents(), data=prepared.describe())
    for samples in (("the cat ran", "a dog", "sat"), ()):
        best = Best(1, found, samples, network.state_dict())
        text = model_card("m", plan, prepared, network.parameter_count(), best)
        run_folder.save_best(plan, best, card=text, metrics=["{}"])
        text = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
        assert blocks(text, "text") == [f"{sample}\n" for sample in samples]
        assert ("## Samples" in text) == bool(samples)


def test_the_commands_of_a_card_run_in_its_folder(
    line_folder: Path, tmp_path: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(line_folder, tmp_path / "a copy"))
    (commands,) = blocks(Path("README.md").read_text(encoding="utf-8"), "sh")
    lines = [shlex.split(line) for line in commands.splitlines() if not line.startswith("#")]
    assert [program for program, *_ in lines] == ["charlm"] * 3
    for _, *arguments in lines:
        done = run(*arguments)
        assert done.code == 0 and done.out, done.err
