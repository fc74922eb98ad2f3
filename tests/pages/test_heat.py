"""Surprisal as a color, and never as a color alone: in the terminal and on a page."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Outcome
from parsed_page import Page

import charlm
from charlm.pages.heat_page import page
from charlm.scoring import heat

Run = Callable[..., Outcome]
BIT = math.log(2)


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb by WCAG 2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# the scale


def test_the_scale_can_be_read_by_its_lightness_alone() -> None:
    """Lightness rises from level to level, and the letters have enough contrast by WCAG 2 AA."""
    found = [luminance(color) for color in heat.COLORS]
    assert found == sorted(found) and len(set(found)) == 10
    assert all(contrast(color, heat.text_color(each)) >= 4.5 for each, color in enumerate(heat.COLORS))


@pytest.mark.parametrize(("bits", "level"), [(0, 0), (0.99, 0), (1.01, 1), (5.5, 5), (8.99, 8), (9.01, 9), (40, 9)])
def test_a_level_is_bits_rounded_down_up_to_nine(bits: float, level: int) -> None:
    assert heat.level(-bits * BIT, "token") == heat.level(-3 * bits * BIT, "word") == level
    assert heat.level(-math.inf, "token") == 9


# in the terminal


def pairs(shown: str) -> list[tuple[str, str]]:
    """Return each line of text with the line of digits below it."""
    lines = shown.splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("  log-probability"))
    return list(zip(lines[:end:2], lines[1:end:2], strict=True))


def test_below_each_token_is_its_surprisal_in_bits(run: Run, line_folder: Path) -> None:
    done = run("score", "--heat", "-m", line_folder, "the cat")
    ((text, digits),) = pairs(done.out)
    assert text == "the cat<EOS>"
    levels = [heat.level(value, "token") for value in charlm.load(line_folder).score("the cat").logprobs]
    assert digits == "".join(map(str, levels)) + "    "
    assert "\x1b" not in done.out, "a pipe gets no colors"
    assert re.search(r"^surprisal +0 +1 .* 9 +in bits, rounded down; 9 is 9 or more$", done.out, re.MULTILINE)
    assert done.out.splitlines()[-1].startswith("scored per token")


def test_a_long_text_is_broken_to_the_width_with_its_digits(
    run: Run, stream_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    found = pairs(run("score", "--heat", "-m", stream_folder, "the word and the text and\nthe word").out)
    assert [text for text, _ in found] == ["the word and the tex", "t and↵", "the word"]
    assert all(re.fullmatch(r"[0-9]+", digits) and len(digits) == len(text) for text, digits in found)


def test_wide_and_combining_characters_keep_the_digits_below_them(run: Run, tmp_path: Path) -> None:
    text = "漢e\u0301\t字"
    Path("corpus").write_text(text * 100, encoding="utf-8")
    tiny = ["--hidden-size=4", "--embedding-size=4", "--layers=1", "--batch-size=2", "--seq-len=4", "--steps=2"]
    assert run("train", "corpus", *tiny, "--quiet").code == 0
    ((shown, digits),) = pairs(run("score", "--heat", text).out)
    assert shown == "漢e\u0301⇥字"
    assert re.fullmatch(r"\d \d\d\d ", digits), "two columns for each ideograph, none for the accent"


def test_a_level_of_a_word_is_three_bits_and_context_has_no_digit(run: Run, line_folder: Path) -> None:
    done = run("score", "--heat", "--unit", "word", "-m", line_folder, "the cat")
    ((text, digits),) = pairs(done.out)
    assert text == "the cat<EOS>" and re.fullmatch(r"\d  \d   \d    ", digits)
    assert "in steps of 3 bits" in done.out
    ((_, digits),) = pairs(run("score", "--heat", "--no-bos", "-m", line_folder, "cat").out)
    assert digits.startswith(" ")


def test_a_text_cannot_drive_the_terminal(run: Run, tmp_path: Path) -> None:
    text = "\x1b[31m [bold]\x07\r\x9b2J"
    charlm.train(f"{text}\n" * 50, *_tiny(), folder=tmp_path / "model")
    shown = run("score", "--heat", "-m", tmp_path / "model", text).out
    assert not {"\x1b", "\x07", "\r", "\x9b"} & set(shown)
    assert r"\x1b[31m [bold]\x07\x0d\x9b2J" in shown


def test_unknown_characters_are_shown_as_they_are_and_marked(run: Run, line_folder: Path) -> None:
    done = run("score", "--heat", "-m", line_folder, "a dög")
    text, digits, *_ = done.out.splitlines()
    assert text == "a dög<EOS>" and digits.index("?") == text.index("ö") and digits.count("?") == 1
    assert "; ? is unknown to the model" in done.out
    assert "?" not in run("score", "--heat", "-m", line_folder, "a dog").out


# as a page


def test_the_page_has_every_token_with_its_details(run: Run, line_folder: Path) -> None:
    done = run("score", "--format=html", "-o", "page.html", "-m", line_folder, "the cat", "a dog")
    assert done.out == "page.html\n"
    shown = Page(Path("page.html").read_text(encoding="utf-8"))
    assert shown.open == [] and shown.texts == ["the cat<EOS>", "a dog<EOS>"]
    (found,) = charlm.load(line_folder).score_many(["the cat"], alternatives=5)
    assert found.ranks and found.entropies and found.alternatives
    for place, token in enumerate(shown.tokens[: len(found.tokens)]):
        first, second, *others = (token["data-tip"] or "").split("\n")
        assert f"{math.exp(found.logprobs[place]):.4%}" in first
        assert f"{-found.logprobs[place] / BIT:.2f} bits" in first
        assert second == f"rank {found.ranks[place]}, entropy {found.entropies[place] / BIT:.2f} bits"
        assert [line.split("%  ")[1] for line in others] == [
            "<EOS>" if text is None else repr(text) for text, _ in found.alternatives[place]
        ]
        assert token["class"] == f"s{heat.level(found.logprobs[place], 'token')}"
        assert token["tabindex"] == "0", "a keyboard reaches it too"


def test_the_page_shows_surprisal_by_more_than_color_and_explains_itself(bigram_model: charlm.LanguageModel) -> None:
    html = page([bigram_model.score("ab")], "scored somehow <&>")
    widths = [int(width) for width in re.findall(r"\.s\d \{[^}]*border-bottom-width: (\d)px", html)]
    assert widths == list(range(10))
    assert 'class="legend"' in html and "the thicker the bar" in html
    assert "scored somehow &lt;&amp;&gt;" in html


HOSTILE = '<script>alert("1")</script>&amp;\'"` --> ]]> \x00\x1b\u202e\u2028\n</pre><img src=x onerror=y>'


@pytest.mark.parametrize("unit", ["token", "word"])
def test_a_text_cannot_become_markup(tmp_path: Path, unit: str) -> None:
    model = charlm.train(HOSTILE * 50, *(_tiny()))
    alternatives = 5 if unit == "token" else None
    html = page([model.score(HOSTILE, unit=unit, alternatives=alternatives)], HOSTILE, HOSTILE)  # type: ignore[arg-type]
    shown = Page(html)
    tags = {tag for tag, _ in shown.elements}
    assert tags == {*("html", "head", "meta", "title", "style", "body", "h1", "p", "b", "pre")}
    assert shown.texts[0].replace("↵", "") == HOSTILE
    assert all(set(attributes) == {"class", "tabindex", "data-tip"} for attributes in shown.tokens)


def _tiny() -> tuple[charlm.ModelConfig, charlm.TrainConfig]:
    return (
        charlm.ModelConfig(hidden_size=4, layers=1, embedding_size=4, sequence="stream", ngram="none"),
        charlm.TrainConfig(steps=2, batch_size=2, seq_len=4, threads=1),
    )


def test_the_page_loads_nothing_and_runs_nothing(bigram_model: charlm.LanguageModel) -> None:
    html = page([bigram_model.score("ab", alternatives=5)], "")
    assert "default-src 'none'" in html and "<script" not in html
    assert not re.search(r"https?:|src=|href=|url\(|@import", html)


def test_an_empty_page_and_one_of_a_character_that_is_not_valid_unicode(run: Run, line_folder: Path) -> None:
    assert Page(page([], "")).open == []
    assert run("score", "--format=html", "-o", "page.html", "-q", "-m", line_folder, "a\udcffd").code == 0
    assert '<b class="unknown"' in (html := Path("page.html").read_text(encoding="utf-8"))
    assert r">\udcff</b>" in html and "dashed bar is unknown" in html, "it is shown by its code, and marked"
