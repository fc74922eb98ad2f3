"""The page of `charlm report` in a browser."""

from pathlib import Path

import pytest
from chromium import Chromium

import charlm
from charlm.analysis.report import gather
from charlm.pages.report_page import page

HOSTILE = "</script><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\"></pre></svg>\n"


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a model of hostile lines."""
    place = tmp_path_factory.mktemp("report")
    corpus = place / "corpus <b>.txt"
    corpus.write_text((HOSTILE + "The long and winding line, 12 times as long as it should be. " * 4 + "\n") * 60)
    shape = charlm.ModelConfig(hidden_size=8, layers=1, embedding_size=4, sequence="line", ngram="none")
    quick = charlm.TrainConfig(steps=12, batch_size=4, seq_len=16, threads=1)
    charlm.train(corpus, shape, quick, folder=place / "m")
    file = place / "report.html"
    file.write_text(page(gather(place / "m")), encoding="utf-8")
    return file


def test_nothing_is_loaded_run_or_complained_about(browser: Chromium, report: Path) -> None:
    tab = browser.open(report)
    assert tab.requests == [report.absolute().as_uri()]
    assert tab.complaints == []
    assert tab.value("document.title") == "m: charlm report"
    assert tab.value("document.querySelectorAll('script, img, link, iframe').length") == 0


def test_a_line_of_the_corpus_is_shown_as_it_is(browser: Chromium, report: Path) -> None:
    shown = browser.open(report).value("[...document.querySelectorAll('.lines pre')].map(pre => pre.textContent)")
    assert f"{HOSTILE.strip()}<EOS>" in shown


@pytest.mark.parametrize("width", [320, 700, 1200])
def test_it_is_as_wide_as_the_window_and_every_picture_lies_within(browser: Chromium, report: Path, width: int) -> None:
    tab = browser.open(report, width=width)
    assert tab.value("document.documentElement.scrollWidth") == width
    assert tab.value("document.querySelectorAll('.charts svg').length") == 4
    outside = "[...document.querySelectorAll('svg text')].filter(text => { const a = text.getBoundingClientRect(),"
    outside += " b = text.ownerSVGElement.getBoundingClientRect(); return a.left < b.left - 1 || a.right > b.right + 1"
    cells = "[...document.querySelectorAll('.confusion td, .confusion th')]"
    assert tab.value(f"Math.max(...{cells}.map(cell => cell.offsetHeight))") < 45, "no word or number is broken"
    assert tab.value(f"{outside} || a.top < b.top - 1 || a.bottom > b.bottom + 1 }}).length") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_light_or_dark_as_the_reader_has_it(browser: Chromium, report: Path, dark: bool) -> None:
    tab = browser.open(report, dark=dark)
    ground, curve = (
        tab.value(f"getComputedStyle(document.querySelector('{element}')).{name}")
        for element, name in (("body", "backgroundColor"), (".charts path.a", "stroke"))
    )
    assert (ground == "rgb(255, 255, 255)") != dark
    assert (curve == "rgb(0, 105, 166)") != dark
