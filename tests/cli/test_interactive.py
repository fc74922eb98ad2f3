"""`charlm sample -i`: keys, the display, and a real terminal."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

import charlm
from charlm.cli.interactive import _KEY, Editor


def rows(editor: Editor) -> list[list[str]]:
    """Return the tokens that may follow, with their probabilities, as the page shows them."""
    return [line.split()[:2] for line in editor.page(80).plain.splitlines() if "%" in line]


def test_the_page_has_what_may_follow_and_how_likely(bigram_model: charlm.LanguageModel) -> None:
    """At the start a 1/2, b and the end 1/4 each; after a: b 1/2."""
    editor = Editor(bigram_model, "", 1.0, 1.0)
    assert rows(editor)[0] == ["'a'", "50.0%"]
    assert sorted(rows(editor)[1:]) == [["'<EOS>'", "25.0%"], ["'b'", "25.0%"]]
    assert editor.press("\t") and editor.text == "a"
    assert rows(editor)[0] == ["'b'", "50.0%"]
    assert editor.press("b") and editor.text == "ab"
    assert editor.press("\x7f") and editor.text == "a"
    assert editor.press("é") and editor.text == "a" and "'é' is not in the vocabulary" in editor.page(80).plain


@pytest.mark.parametrize("keys", ["a\x04", "a\n", "a\x1b", "b\x7fa\x04", "ab\t"])
def test_a_line_is_ended_by_a_person_or_by_its_end(bigram_model: charlm.LanguageModel, keys: str) -> None:
    """Ctrl-D, Enter and Esc end it, and so does Tab if the end is the most likely, as after b."""
    editor = Editor(bigram_model, "", 1.0, 1.0)
    assert [editor.press(key) for key in keys] == [True] * (len(keys) - 1) + [False]
    assert editor.text == keys.replace("b\x7f", "").strip("\x04\n\x1b\t")


CTRL_N, CTRL_W, CTRL_L, CTRL_U = "\x0e", "\x17", "\x0c", "\x15"


def test_keys_draw_with_the_settings_on_the_page_and_undo(stream_model: charlm.LanguageModel) -> None:
    """A token is a character here, a word may begin with a space, and a line ends before its newline."""
    editor = Editor(stream_model, "In the", 1.0, 1.0)
    before = [editor.text]
    for key in (CTRL_N, CTRL_W, CTRL_L):
        assert editor.press(key) and editor.text.startswith(before[-1])
        before.append(editor.text)
    token, word, line = (after[len(each) :] for each, after in pairwise(before))
    assert len(token) == 1 and len(word.split()) <= 1 and line and "\n" not in line[1:]
    for text in reversed(before[:-1]):
        assert editor.press(CTRL_U) and editor.text == text
    assert editor.press(CTRL_U) and editor.text == "In the"


def test_a_high_temperature_draws_other_text(stream_model: charlm.LanguageModel) -> None:
    drawn = set()
    editor = Editor(stream_model, "", 3.0, 1.0)
    for _ in range(20):
        editor.press(CTRL_N)
        drawn.add(editor.text)
        editor.press(CTRL_U)
    assert len(drawn) > 3 and editor.text == ""


def test_the_end_of_a_line_that_is_drawn_is_said(bigram_model: charlm.LanguageModel) -> None:
    """After b, the end is the likeliest."""
    editor = Editor(bigram_model, "b", 0.0, 1.0)
    assert editor.press(CTRL_N) and editor.text == "b"
    assert "the model ends the text here" in editor.page(80).plain
    assert "Enter end" in editor.page(60).plain.splitlines()[-1]


def test_the_text_is_on_the_colors_of_its_surprisal(bigram_model: charlm.LanguageModel) -> None:
    """P(a) = 1/2 and P(b | a) = 1/2, one bit each; P(a | b) = 1/4, two bits; an unknown character has no color."""
    from charlm.cli.view.heat_text import STYLES

    editor = Editor(bigram_model, "abaé", 1.0, 1.0)
    page = editor.page(80)
    colored = {span.start: span.style for span in page.spans}
    assert [colored.get(place) for place in range(4)] == [STYLES[1], STYLES[1], STYLES[2], None]
    assert page.plain.startswith("abaé▏")


def test_arrows_move_the_settings_and_what_may_follow(bigram_model: charlm.LanguageModel) -> None:
    """At temperature 0.5 the probabilities are squared: 2/3, 1/6, 1/6. With top-p 0.45 a is alone."""
    editor = Editor(bigram_model, "", 1.0, 1.0)
    for _ in range(5):
        editor.turn("B")
    assert rows(editor)[0] == ["'a'", "66.7%"] and "temperature 0.5" in editor.page(80).plain
    for _ in range(11):
        editor.turn("D")
    assert rows(editor) == [["'a'", "100.0%"]] and "top-p 0.45" in editor.page(80).plain
    for _ in range(99):
        editor.turn("B")
        editor.turn("C")
    assert (editor.temperature, editor.top_p) == (0.0, 1.0)


def test_the_page_fits_and_shows_no_control_character(stream_model: charlm.LanguageModel) -> None:
    editor = Editor(stream_model, "\x1b[2Jthe word was\twith " * 40, 1.0, 1.0)
    lines = editor.page(30).plain.splitlines()
    assert max(map(len, lines)) <= 30 and len(lines) <= 24
    assert "\x1b" not in editor.page(30).plain and "\t" not in editor.page(30).plain


def test_a_low_page_still_has_the_settings(stream_model: charlm.LanguageModel) -> None:
    editor = Editor(stream_model, "the word was with\n" * 20, 1.0, 1.0)
    for height in (8, 12, 18, 24, 40):
        page = editor.page(60, height).plain
        assert len(page.split("\n")) <= height and "temperature 1" in page and "▏" in page and "%" in page


def test_a_key_that_the_page_has_no_use_for_types_nothing() -> None:
    """Read Delete, F1, Shift-up and Alt-x next to an arrow, a letter, and Esc alone or last."""
    assert _KEY.findall("\x1b[3~\x1bOPé\x1b[1;2A\x1bx\x1b[A\x1b") == [
        *[("", "")] * 2,
        ("", "é"),
        *[("", "")] * 2,
        ("A", ""),
        ("", "\x1b"),
    ]


def test_without_a_terminal_it_says_so(run, line_folder: Path) -> None:  # type: ignore[no-untyped-def]
    refused = run("sample", "-i", "-m", line_folder)
    assert (refused.code, refused.out) == (2, "") and "needs a terminal" in refused.err
    refused = run("sample", "-i", "--top-k=3", "-m", line_folder)
    assert refused.code == 2 and "leave --top-k out" in refused.err
    refused = run("sample", "-i", "--json", "--beam=3", "-m", line_folder)
    assert refused.code == 2 and "leave --beam and --json out" in refused.err


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are those of POSIX")
def test_in_a_terminal_a_person_types_and_takes(stream_folder: Path, tmp_path: Path) -> None:
    """The text is printed at the end, and the terminal is restored."""
    from forked_trainer import Screen, command_at, end, fork

    expected = charlm.load(stream_folder).next_token_probabilities("the wo")[0].text
    screen = Screen(80)
    child = fork(command_at, screen.name, tmp_path, "sample", "-i", "--prompt=the ", "-m", stream_folder)
    screen.person.expect("▏")
    screen.person.expect("temperature 1 ")
    screen.person.send("wx\x7fo\x1b[3~\x1bOP\x1b[B\x1bOB\x1b[D")
    screen.person.expect(r"temperature 0\.8 .*top-p 0\.95")
    screen.person.send("\t\x04")
    shown = screen.rest()
    assert end(child) == 0
    assert shown.rstrip("\r\n").endswith(f"the wo{expected}")
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor is shown again"
