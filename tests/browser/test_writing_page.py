"""The page of `charlm export html` in a browser: its numbers are charlm's, and it asks nobody for anything."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chromium import Chromium, Tab
from random_models import LETTERS, named, random_model

import charlm
from charlm.pages.writing_page import page
from charlm.registry import name_of, names
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.subword import SubwordTokenizer
from charlm.tokenizers.word import WordTokenizer

CELLS = names("nn.cells")
KINDS: list[dict[str, Any]] = [
    *({"cell": cell, "layers": 2, "residual": True, "readout_layers": 2} for cell in CELLS),
    *({"cell": "rnn", "activation": name} for name in ("relu", "sigmoid", "identity")),
    *({"cell": cell, "embedding": "one-hot"} for cell in ("gru", "lstm")),
    *({"cell": "jordan", **other} for other in ({"readout": "adaptive"}, {"layers": 3})),
    {"cell": "gru", "readout": "adaptive", "shortlist": 4},
    *({"cell": "gru", **other} for other in ({"readout": "adaptive"}, {"tie_weights": True}, {"sequence": "line"})),
]
WORDS = WordTokenizer(["the", " ", "cat", "don't", "\n", "</script>", "a", "t", "c", ".", "ß"])
SENTENCES = (Path(__file__).parents[2] / "corpora" / "cats.txt").read_text(encoding="utf-8")[:20000]
PIECES = [
    SubwordTokenizer.train([[SENTENCES]], charlm.ModelConfig(tokenizer="subword", model_type=kind, vocab_size=400))
    for kind in ("unigram", "bpe")
]
TEXT = "the cat\na ☃ hat"


def opened(browser: Chromium, folder: Path, model: charlm.LanguageModel, **options: Any) -> Tab:
    file = folder / "page.html"
    rounding = options.pop("rounding", "float32")
    file.write_text(page(model, rounding, options.pop("note", "")), encoding="utf-8", errors="backslashreplace")
    return browser.open(file, **options)


def read(tab: Tab, text: str) -> None:
    tab.value(f"document.getElementById('text').value = {json.dumps(text)}; charlm.readField()")


def text_of(tab: Tab, name: str) -> str:
    text: str = tab.value(f"document.getElementById('{name}').textContent")
    return text


def expected_logits(model: charlm.LanguageModel, text: str) -> np.ndarray[Any, Any]:
    """The logits after the last line of a text, if it is read line by line, or else after all of it."""
    last = text.rpartition("\n")[2] if model.config.sequence == "line" else text
    ids = torch.from_numpy(model.tokenizer.sequence(model.tokenizer.encode(last))).long()
    with torch.inference_mode():
        return model.network(ids[:, None])[0][-1, 0].numpy()


def check_logits(tab: Tab, model: charlm.LanguageModel, text: str, tolerance: float = 1e-3) -> None:
    read(tab, text)
    logits = tab.value("[...charlm.reader.logits].map((each) => (isFinite(each) ? each : null))")
    computed = np.array([-np.inf if each is None else each for each in logits])
    np.testing.assert_allclose(computed, expected_logits(model, text), atol=tolerance, rtol=1e-5)


@pytest.mark.parametrize("settings", KINDS, ids=named)
def test_the_logits_are_charlms(browser: Chromium, tmp_path: Path, settings: dict[str, Any]) -> None:
    model = random_model(settings)
    tab = opened(browser, tmp_path, model)
    for text in ("", TEXT, TEXT * 30, (TEXT * 30)[:200], TEXT + "ü"):  # an edit is read from its first difference on
        check_logits(tab, model, text, 1e-4)
    assert tab.complaints == []


@pytest.mark.parametrize("tokenizer", [LETTERS, ByteTokenizer(), WORDS, *PIECES], ids=name_of)
def test_a_text_is_cut_and_scored_as_charlm_does(browser: Chromium, tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = random_model({"cell": "gru", "tokenizer": name_of(tokenizer)}, tokenizer)
    tab = opened(browser, tmp_path, model)
    text = "the cat don't  chat.\n\nßa 🐈 e\u0301 日本 \u2581 " + "t" * 70 + "'t \t" + "the cats sleep, " * 90
    read(tab, text)
    assert tab.value("charlm.reader.items.map((each) => each.id)") == model.tokenizer.encode(text).tolist()
    assert tab.value("charlm.reader.items.map((each) => each.text).join('')") == text
    bits = tab.value("charlm.reader.items.map((each) => (isFinite(each.bits) ? each.bits : null))")
    logprobs = [-each / np.log(2) for each in model.score(text).logprobs]
    assert [each for each in bits if each is not None] == pytest.approx(
        [each for each, bit in zip(logprobs, bits, strict=True) if bit is not None], abs=1e-3
    )
    assert text_of(tab, "heat").replace("↵", "") == text


@pytest.mark.parametrize("temperature", [0.8, 0.0, 1.3])
@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_it_draws_what_charlm_sample_draws(browser: Chromium, tmp_path: Path, temperature: float, top_p: float) -> None:
    model = random_model({"cell": "lstm", "layers": 2})
    tab = opened(browser, tmp_path, model)
    for name, value in {"temperature": temperature, "top-p": top_p, "seed": 7, "length": 80}.items():
        tab.value(f"document.getElementById('{name}').value = {value}")
    read(tab, "the ")
    tab.value("charlm.proceed()")
    (sample,) = model.sample("the ", length=80, seed=7, temperature=temperature, top_p=top_p)
    assert tab.value("document.getElementById('text').value") == "the " + sample.text
    tab.value("document.getElementById('back').click()")
    assert tab.value("document.getElementById('text').value") == "the "


def test_it_writes_and_shows_a_long_text(browser: Chromium, tmp_path: Path) -> None:
    model = random_model({"cell": "gru", "hidden_size": 256, "layers": 2, "embedding_size": 256})
    model.network.allowed_tokens[Tokenizer.EOS] = False
    tab = opened(browser, tmp_path, model)
    tab.value("document.getElementById('length').value = 2000")
    tab.value("charlm.proceed()")
    written = tab.value("document.getElementById('text').value")
    assert tab.value("charlm.reader.items.length") == 2000 and len(model.tokenizer.encode(written)) == 2000
    assert text_of(tab, "heat").replace("↵", "") == written and tab.complaints == []


def test_int8_is_close_and_its_loss_is_on_the_page(browser: Chromium, tmp_path: Path) -> None:
    model = random_model({"cell": "gru", "hidden_size": 64})
    note = "int8 loses 0.00012 bits per token"
    tab = opened(browser, tmp_path, model, rounding="int8", note=note)
    check_logits(tab, model, TEXT, 0.1)
    assert note in text_of(tab, "about") or note in tab.value("document.querySelector('header').textContent")


def test_names_and_tokens_are_text(browser: Chromium, tmp_path: Path) -> None:
    """What must stay text: were it markup, it would end the script, run, or load something."""
    hostile = "</script><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    model = random_model({"cell": "rnn", "tokenizer": "word"}, WordTokenizer(["</script>", "<!--", hostile, "<", "a"]))
    tab = opened(browser, tmp_path, charlm.LanguageModel(model.config, model.tokenizer, model.network, name=hostile))
    assert tab.value("document.querySelector('h1').textContent") == hostile
    shown = tab.value("[...document.querySelectorAll('.token')].map((each) => each.textContent)")
    assert "</script>" in shown and hostile.replace(" ", "␣") in shown
    assert tab.value("document.title") == f"{hostile}: charlm"
    assert tab.value("document.querySelectorAll('script').length") == 3 and tab.complaints == []
    read(tab, hostile)
    assert text_of(tab, "heat") == hostile and tab.value("document.images.length") == 0


def test_it_asks_nobody_and_names_nobody(browser: Chromium, tmp_path: Path) -> None:
    model = random_model({"cell": "gru"})
    tab = opened(browser, tmp_path, model)
    assert tab.requests == [(tmp_path / "page.html").absolute().as_uri()]
    source = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "connect-src 'none'" in source and "unsafe" not in source
    assert "://" not in source and "href" not in source and " src=" not in source
    tab.value("fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert any("Content Security Policy" in each for each in tab.complaints)
    assert len(tab.requests) == 1


def test_the_interface_is_there_after_loading(browser: Chromium, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, random_model({"cell": "gru"}))
    names = ("text", "continue", "stop", "back", "heat", "next", "temperature", "top-p", "seed", "length")
    assert all(tab.value(f"document.getElementById('{name}') !== null") for name in names)
    assert tab.value("document.querySelectorAll('#next li').length") == 10
    labelled = tab.value("[...document.querySelectorAll('input, textarea')].every((each) => each.labels.length)")
    assert labelled


def test_the_keyboard_alone_writes_chooses_reads_and_stops(browser: Chromium, tmp_path: Path) -> None:
    model = random_model({"cell": "gru"})
    model.network.allowed_tokens[Tokenizer.EOS] = False
    tab = opened(browser, tmp_path, model)
    tab.press("Tab")
    assert tab.value("document.activeElement.id") == "text"
    tab.type("the cat")
    assert tab.value("charlm.reader.items.length") == 7
    for _ in range(2):
        tab.press("Tab")
    assert tab.value("document.activeElement.id") == "heat"
    tab.press("ArrowRight")
    tab.press("ArrowRight")
    assert tab.value("document.querySelector('.here').textContent") == "h" and " bits" in text_of(tab, "about")
    tab.press("End")
    assert tab.value("document.querySelector('.here').textContent") == "t"
    tab.press("Tab")
    chosen = int(tab.value("document.activeElement.dataset.id"))
    tab.press(" ")
    assert tab.value("charlm.reader.items.at(-1).id") == chosen
    assert len(tab.value("document.getElementById('text').value")) == 8
    tab.value("document.getElementById('length').value = 10000000")
    tab.press("Enter", control=True)
    assert tab.value("document.getElementById('stop').disabled") is False
    time.sleep(0.1)
    tab.press("Escape")
    assert tab.value("new Promise((done) => setTimeout(() => done(document.getElementById('stop').disabled), 300))")
    assert "stopped" in text_of(tab, "status")
    count = tab.value("charlm.reader.items.length")
    assert tab.value("new Promise((done) => setTimeout(() => done(charlm.reader.items.length), 100))") == count


def test_the_sliders_change_what_may_be_drawn_and_not_the_probabilities(browser: Chromium, tmp_path: Path) -> None:
    model = random_model({"cell": "gru"})
    tab = opened(browser, tmp_path, model)
    read(tab, "the")
    shares = "[...document.querySelectorAll('.share')].map((each) => each.textContent)"
    before, probable = tab.value(shares), model.next_token_probabilities("the")
    assert before[0] == f"{probable[0].probability:.1%}".replace("%", " %")
    assert tab.value("document.querySelectorAll('.out').length") <= 1  # <UNK> is never drawn
    tab.value("document.getElementById('top-p').value = 0.3")
    tab.value("document.getElementById('top-p').dispatchEvent(new Event('input'))")
    assert tab.value(shares) == before and tab.value("document.querySelectorAll('.out').length") > 3
    assert text_of(tab, "top-p-value") == "0.30"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_the_window_and_is_light_or_dark(browser: Chromium, tmp_path: Path, width: int, dark: bool) -> None:
    tab = opened(browser, tmp_path, random_model({"cell": "gru"}), width=width, dark=dark)
    read(tab, "the cat" * 60 + "t" * 300)
    assert tab.value("document.documentElement.scrollWidth") == width
    ground = tab.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(21, 24, 29)" if dark else "rgb(255, 255, 255)")
