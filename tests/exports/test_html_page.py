"""`charlm export html`: what the command writes and refuses; tests/browser opens the page."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome
from random_models import random_model

import charlm
from charlm.exports import export
from charlm.pages import writing_page
from charlm.pages.writing_page import page
from charlm.registry import names
from charlm.tokenizers.word import WordTokenizer

Run = Callable[..., Outcome]
WRITING = Path(charlm.__file__).parent / "pages" / "writing"


def test_the_page_is_one_file_without_an_address(run: Run, stream_folder: Path) -> None:
    done = run("export", "html", "-m", stream_folder, "-o", "poems.html")
    assert (done.code, done.out) == (0, "poems.html\n")
    text = Path("poems.html").read_text(encoding="utf-8")
    assert f"the page has {len(text.encode()):,} bytes, loads nothing, and works offline\n" in done.err
    assert not re.search(r"://|\bhref|\bsrc\s*=|url\(|@import|\bimport\b", text)
    assert [path.name for path in Path().iterdir()] == ["poems.html"]


def test_the_policy_allows_this_script_and_this_style_alone(line_model: charlm.LanguageModel) -> None:
    text = page(line_model)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    rules = dict(each.split(" ", 1) for each in policy.split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    for rule, element in (("script-src", "script"), ("style-src", "style")):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def test_no_token_can_end_the_data(line_model: charlm.LanguageModel) -> None:
    hostile = ["</script>", "<!--", "<script>", "a"]
    model = random_model({"cell": "gru", "tokenizer": "word"}, WordTokenizer(hostile))
    (data,) = re.findall(r'<script type="application/json" id="model">(.*?)</script>', page(model), re.DOTALL)
    assert "<" not in data and json.loads(data)["rules"]["words"] == hostile


def test_int8_says_what_it_loses(run: Run, stream_folder: Path) -> None:
    done = run("export", "html", "-m", stream_folder, "--weights", "int8", "-o", "small.html", "--json")
    values = json.loads(done.out)
    assert values["weights"] == "int8" and 0 <= values["bits_lost_per_token"] < 0.01
    lost = f"int8 loses {values['bits_lost_per_token']:.5f} bits per token"
    assert lost in done.err and lost in Path("small.html").read_text(encoding="utf-8")
    refused = run("export", "html", "-m", stream_folder, "--weights", "bfloat16", "-o", "other.html")
    assert refused.err == "error: --weights is 'bfloat16', but the format html stores float32 and int8\n"


def test_what_the_page_cannot_compute_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell of someone's own, without its equations in JavaScript."""
    shutil.copytree(WRITING, tmp_path / "writing")
    (tmp_path / "writing/cells/jordan.js").unlink()
    monkeypatch.setattr(writing_page, "_FOLDER", tmp_path / "writing")
    problem = "a page in JavaScript cannot compute the cell jordan of this model; it has gru, gru-cho,"
    with pytest.raises(charlm.ConfigError, match=problem):
        export(random_model({"cell": "jordan"}), "html", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_counts_are_left_out_and_that_is_said(run: Run, counted_folder: Path) -> None:
    """By the page itself, and by the command with what it costs."""
    model = charlm.load(counted_folder)
    assert isinstance(model, charlm.LanguageModel)
    assert ". the network of the model without its counts of n-grams</p>" in page(model)
    for format in ("html", "onnx"):
        written = export(model, format, Path(f"file.{format}"))
        lost = written.values["bits_lost_without_counts"]
        assert lost > 0
        said = f"the file holds the network without the counts, which loses {lost:.5f} bits per token"
        assert written.notes[-1].startswith(said)


def test_every_variant_has_a_script() -> None:
    for folder, package in {"cells": "nn.cells", "readouts": "nn.readouts", "tokenizers": "tokenizers"}.items():
        assert {path.stem for path in (WRITING / folder).iterdir()} == set(names(package))
