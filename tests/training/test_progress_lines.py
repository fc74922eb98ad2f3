"""The events of a run as lines: `train(progress=True)`, and `report=print`."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LINES, QUICK, SMALL

import charlm
from charlm.progress import ReadingProgress
from charlm.scoring.evaluation import Evaluation
from charlm.tasks import Unit
from charlm.training import events
from charlm.training.events import Event, Finished, Planned, Progress, Validated
from charlm.training.progress_lines import ProgressLines

RUN = replace(QUICK, steps=20)


def evaluation(nats: float, tokens: int = 10, unknown: int = 0) -> Evaluation:
    """An evaluation of a text of characters; each unknown character took 5 nats."""
    sums = {"nats": nats + 5 * unknown, "known_nats": nats, "tokens": tokens + unknown, "known_tokens": tokens}
    letters = {"characters": tokens + unknown, "known_characters": tokens, "bytes": tokens + unknown}
    return Evaluation(**sums, **letters, unknown=unknown, streams=None, window=None)


UNIT = Unit("token", "bits/char", "bits per character", "bits/char", 1.44, "characters", "char/s", 1.0)
NOW = Progress(40, 200, 1.5, 0.25, 0.004, 12345.6, 125.0, UNIT)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            NOW,
            "step 40/200  2:05 left  train 1.500 nats  2.160 bits/char"
            "  gradient 0.25  learning rate 4.0e-03  12,346 char/s",
        ),
        (events.Previewed(40, ("a  b\n\x1b[2Jc", "d")), "step 40  sample  a b \\x1b[2Jc"),
        (events.Previewed(40, ()), "step 40  sample  "),
        (
            Validated(NOW, evaluation(13.862943611198906), True, ()),
            "step 40/200  valid 1.3863 nats  2.000 bits/char  train 1.500 nats  2.160 bits/char"
            "  12,346 char/s  2:05 left  best so far",
        ),
        (events.Revised(40, 1), "speed changed at step 40; now 1 step"),
        (
            events.LossHigh(50, 6.5, 4.1, 0.4),
            "step 50: the loss is 6.50 nats, higher than that of a random guess (4.10)",
        ),
        (events.Resumed(40, ()), "resuming at step 40"),
        (events.Resumed(0, ()), "resuming from the beginning, because no complete state was saved"),
        (
            events.RolledBack(50, 40, 0.002),
            "step 50: the loss or its gradient is not finite; back to step 40 with a peak learning rate of 0.002",
        ),
        (
            events.NotSaved(40, "disk full"),
            "step 40: not saved: disk full; training continues, and what was saved earlier is kept",
        ),
        (events.Stopped(40, 30), "stopped at step 40; the state of step 30 is saved"),
        (events.Stopped(40, None), "stopped at step 40; no state was saved"),
        (
            Finished(None, 100, 200, 160, 3725.0, 1.0, UNIT, evaluation(13.862943611198906, unknown=1)),
            "done: 200 steps in 1:02:05, best at step 160: valid 1.3863 nats per token, 2.000 bits per character"
            " (without 1 unknown character)",
        ),
        (ReadingProgress("encoding", 50, 200), "encoding   25% of 200 characters"),
        (ReadingProgress("encoding", 50, None), "encoding   50 characters"),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, str) else "",
)
def test_an_event_is_one_line(event: Event, line: str) -> None:
    assert str(event) == line


def test_progress_is_written_to_stderr_and_nothing_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    reported: list[Event] = []
    charlm.train(LINES, SMALL, RUN, progress=True, report=reported.append)
    printed = capsys.readouterr()
    written = printed.err.splitlines()
    assert printed.out == ""
    assert written[0].startswith("plan: 20 steps of 8 × 16 tokens on cpu in ")
    assert written[0].endswith("; 1 × gru 16, 1,673 parameters")
    assert re.fullmatch(r"step 20/20  valid \d\.\d{4} nats  \d\.\d{3} bits/char .* best so far", written[-2])
    assert written[-1].startswith("done: 20 steps in 0:0")
    assert isinstance(reported[0], Planned) and isinstance(reported[-1], Finished), "report= receives them as well"


def test_without_progress_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    charlm.train(LINES, SMALL, RUN)
    assert capsys.readouterr() == ("", "")


def test_report_may_be_print(capsys: pytest.CaptureFixture[str]) -> None:
    charlm.train(LINES, SMALL, RUN, report=print)
    printed = capsys.readouterr().out
    assert printed.startswith("plan: 20 steps") and "Planned(" not in printed and "Progress(" not in printed


def test_progress_comes_about_twenty_times_in_a_run() -> None:
    stream = io.StringIO()
    lines = ProgressLines(stream)
    for step in range(1, 1001):
        lines(replace(NOW, step=step, steps=1000))
    written = stream.getvalue().splitlines()
    assert 19 <= len(written) <= 20
    assert [line.split()[1] for line in written[:2]] == ["50/1,000", "100/1,000"]


def test_a_run_that_was_stopped_is_not_called_done() -> None:
    stream = io.StringIO()
    lines = ProgressLines(stream)
    lines(events.Stopped(40, 40))
    lines(Finished(None, 100, 40, 30, 1.0, 1.0, UNIT, evaluation(13.862943611198906)))
    assert stream.getvalue().splitlines()[-1] == "best: step 30: valid 1.3863 nats per token, 2.000 bits per character"


def test_what_was_left_out_of_the_corpus_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bom.txt").write_text("\ufeff" + LINES, encoding="utf-8")
    charlm.train(tmp_path / "bom.txt", SMALL, RUN, progress=True)
    assert "\nnote: " in capsys.readouterr().err


@pytest.mark.parametrize("closed", [True, False])
def test_a_stream_that_nobody_reads_does_not_stop_the_run(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook or a service may close stderr, and a program without a console has none."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr("sys.stderr", stream if closed else None)
    assert charlm.train(LINES, SMALL, RUN, progress=True).name == "text"
