"""The page of `charlm score --format html` in a browser."""

from pathlib import Path

import pytest
from chromium import Chromium, Tab

import charlm
from charlm.pages.heat_page import page
from charlm.scoring import heat

# What must stay text: were it markup, it would run, load something or end the page.
HOSTILE = "</pre><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\"><link href=y>\n"
LETTERS = "the cat\u202e\t漢e\u0301"
TEXTS = [f"{HOSTILE}{LETTERS} " * 8, "the cat", ""]


@pytest.fixture(scope="session")
def model() -> charlm.LanguageModel:
    """Train for two steps, after which some tokens are more likely than others."""
    shape = charlm.ModelConfig(hidden_size=4, layers=1, embedding_size=4, sequence="stream", ngram="none")
    quick = charlm.TrainConfig(steps=2, batch_size=2, seq_len=4, threads=1)
    return charlm.train((HOSTILE + LETTERS) * 20, shape, quick)


@pytest.fixture
def written(model: charlm.LanguageModel, tmp_path: Path) -> Path:
    """Write a page with a long text, a short one and an empty one."""
    file = tmp_path / "page.html"
    file.write_text(page(model.score_many(TEXTS, alternatives=5), "scored somehow"), encoding="utf-8")
    return file


def token(number: int) -> str:
    """CSS selector of a token of the first text."""
    return f"pre:first-of-type b:nth-of-type({number})"


def style(tab: Tab, element: str, name: str, pseudo: str = "") -> str:
    found: str = tab.value(f'getComputedStyle(document.querySelector("{element}"), "{pseudo}").{name}')
    return found


def test_nothing_is_loaded_run_or_complained_about(browser: Chromium, written: Path) -> None:
    tab = browser.open(written)
    assert tab.requests == [written.absolute().as_uri()]
    assert tab.complaints == []
    assert tab.value("document.title") == "charlm score"
    assert tab.value("document.querySelectorAll('script, img, link').length") == 0


def test_a_text_is_shown_as_it_is(browser: Chromium, written: Path) -> None:
    shown = browser.open(written).value("[...document.querySelectorAll('pre')].map(pre => pre.textContent)")
    assert [text.replace("↵", "") for text in shown] == TEXTS


def test_a_level_has_its_color_and_its_bar_in_the_legend_and_in_the_text(browser: Chromium, written: Path) -> None:
    tab = browser.open(written)
    for level, color in enumerate(heat.COLORS):
        red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
        found = (style(tab, f".legend .s{level}", name) for name in ("backgroundColor", "borderBottomWidth"))
        assert list(found) == [f"rgb({red}, {green}, {blue})", f"{level}px"]
    levels = tab.value("[...new Set([...document.querySelectorAll('pre b')].map(b => b.className))]")
    for level in levels:
        of_text, of_legend = (style(tab, f"{place} .{level}", "borderBottomWidth") for place in ("pre", ".legend"))
        assert of_text == of_legend


@pytest.mark.parametrize("width", [320, 900])
def test_pointed_at_a_token_tells_the_rest_within_the_window(browser: Chromium, written: Path, width: int) -> None:
    tab = browser.open(written, width=width)
    for number in (1, 40, 400):
        assert style(tab, token(number), "content", "::after") == "none"
        tab.hover(token(number))
        told = tab.value(f'document.querySelector("{token(number)}").dataset.tip')
        assert told.count("\n") == 6 and "bits" in told and "rank" in told
        x, y, wide, high = tab.box(token(number), "after")
        assert x >= 0 and y >= 0 and x + wide <= width and y + high <= 600
        assert high > 7 * 14, "seven lines are seen"


def test_the_tabulator_reaches_tokens_in_order(browser: Chromium, written: Path) -> None:
    tab = browser.open(written)
    for number in (1, 2):
        tab.press("Tab")
        assert tab.value(f'document.activeElement === document.querySelector("{token(number)}")')
        assert tab.box(token(number), "after")


def test_the_end_of_a_long_page_can_be_scrolled_clear_of_what_is_told(browser: Chromium, written: Path) -> None:
    tab = browser.open(written, width=320)
    tab.press("Tab")
    tab.value("window.scrollTo(0, document.body.scrollHeight)")
    _, top, _, _ = tab.box(token(1), "after")
    _, y, _, high = tab.box("body > p:last-of-type")
    assert y + high <= top


def test_a_narrow_window_is_not_wider_than_it_is(browser: Chromium, written: Path) -> None:
    assert browser.open(written, width=320).value("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_light_or_dark_as_the_reader_has_it(browser: Chromium, written: Path, dark: bool) -> None:
    tab = browser.open(written, dark=dark)
    tab.hover(token(1))
    letters, ground = (style(tab, token(1), name, "::after") for name in ("color", "backgroundColor"))
    assert letters == style(tab, "body", "color")
    assert (letters == "rgb(255, 255, 255)") == dark != (ground == "rgb(255, 255, 255)")
