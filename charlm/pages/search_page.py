"""The trials of a search as one self-contained page: no script, nothing loaded, every text escaped."""

import math
from collections.abc import Sequence

from charlm.markup import safe
from charlm.pages.chart import Curve, chart
from charlm.pages.report_style import STYLE
from charlm.pages.scatter import scatter
from charlm.pages.style import document, section, sheet, titled
from charlm.search.history import Ending, History, Trial
from charlm.wording import amount, clock, listed, plural

_LOGARITHMIC = ("hidden_size", "learning_rate")
_STYLE = """
.trials { font-size: .85rem; font-variant-numeric: tabular-nums; overflow-wrap: normal }
.trials th, .trials td { padding: .35rem .8rem .35rem 0; white-space: nowrap }
.trials td:last-child { white-space: normal; min-width: 14em }
.trials thead th { color: var(--dim); font-weight: 400 } .trials .best { font-weight: 600 }
.faint { stroke: var(--rule); color: var(--dim) }
.bar { display: inline-block; height: .7em; background: currentColor; vertical-align: baseline; margin-right: .5em }
"""


def page(history: History, name: str, corpus: Sequence[str], command: str) -> str:
    """The page of a study. corpus: the names of its files. command: that of the best trial, or ""."""
    parts = [_head(history, name, corpus), _best(command), _charts(history), _importance(history), _table(history)]
    return document(titled(name, "charlm search"), STYLE + _STYLE + sheet(), "".join(parts))


def _head(history: History, name: str, corpus: Sequence[str]) -> str:
    best, default = history.best, history.default
    figures = {
        **({"best": best.figures} if best else {}),
        **({"with the defaults": default.figures} if default else {}),
        "trials": f"{len(history.trials):,}",
        "time": clock(history.seconds),
    }
    shown = "".join(f"<div><dt>{safe(each)}</dt><dd>{value}</dd></div>" for each, value in figures.items())
    return (
        f"<header>\n<h1>{safe(name)}</h1>\n"
        f"<p>A search for settings on {safe(listed(corpus))}. {_endings(history)}</p>\n"
        f'<dl class="figures">{shown}</dl>\n</header>\n'
    )


def _endings(history: History) -> str:
    counts = [f"{number:,} {ending}" for ending in Ending if (number := history.count(ending))]
    return f"Its trials: {listed(counts)}." if counts else ""


def _best(command: str) -> str:
    if not command:
        return section("The best trial", "No trial is complete yet.", "")
    return section("The best trial", "This command trains a model with its settings.", f"<pre>{safe(command)}</pre>")


def _charts(history: History) -> str:
    complete = _complete(history)
    if not complete or history.best is None:
        return ""
    lowest, best = [], math.inf
    for trial in complete:
        best = min(best, trial.cost)
        lowest.append((trial.number + 1, best))
    costs = Curve("trial", "a", [(trial.number + 1, trial.cost) for trial in complete])
    pictures = [
        _figure("History", "each complete trial, and the lowest so far", _history(costs, lowest)),
        _figure("Validation curves", "the best trial is drawn last", _curves(history)),
    ]
    at = complete.index(history.best)
    for name in history.best.settings:
        points = [(trial.settings[name], trial.cost) for trial in complete]
        if all(isinstance(value, int | float) for value, _ in points):
            words = name.replace("_", " ")
            logarithmic = name in _LOGARITHMIC
            pictures.append(_figure(words, history.cost_name, scatter(points, at, words, logarithmic=logarithmic)))
    units, value = next(iter(history.trial.items()))
    explanation = f"Lower is better. A trial is a training of {amount(value, units)}."
    return section("The trials in pictures", explanation, f'<div class="charts">{"".join(pictures)}</div>')


def _history(costs: Curve, lowest: list[tuple[int, float]]) -> str:
    return chart([costs, Curve("lowest", "b", lowest)], "History", "trials")


def _curves(history: History) -> str:
    assert history.best
    others = [trial for trial in history.trials if trial.curve and trial.number != history.best.number]
    curves = [Curve(f"trial {trial.number + 1}", "faint", _percent(trial)) for trial in others]
    return chart([*curves, Curve("the best", "b", _percent(history.best))], "Validation curves", "% of the training")


def _percent(trial: Trial) -> list[tuple[int, float]]:
    return [(round(100 * share), cost) for share, cost in trial.curve]


def _figure(name: str, words: str, picture: str) -> str:
    return f"<figure><figcaption><b>{safe(name)}</b> {safe(words)}</figcaption>\n{picture}\n</figure>\n"


def _importance(history: History) -> str:
    if not history.importance:
        return section("What mattered", "Too few trials are complete to measure this.", "")
    rows = "".join(
        f'<tr><th>{safe(name.replace("_", " "))}</th><td><span class="bar" style="width: {12 * share:.2f}em"></span>'
        f"{share:.0%}</td></tr>\n"
        for name, share in sorted(history.importance.items(), key=lambda each: -each[1])
    )
    explanation = (
        "How much each setting distinguishes the best quarter of the complete trials from all complete trials, as a"
        " share by PED-ANOVA (Watanabe et al. 2023). With few trials, the shares depend much on chance."
    )
    return section("What mattered", explanation, f'<table class="facts"><tbody>\n{rows}</tbody></table>')


def _table(history: History) -> str:
    names = list(dict.fromkeys(name for trial in history.trials for name in trial.settings))
    titles = ("trial", "ended", history.cost_name, "time", *_words(names), "")
    head = "".join(f"<th>{safe(each)}</th>" for each in titles)
    rows = "".join(_row(trial, names, trial is history.best) for trial in history.trials)
    table = f'<table class="trials"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>'
    explanation = (
        f"{plural(len(history.trials), 'trial')}. The figure of a pruned trial is the lowest one before it was stopped."
    )
    return section("All trials", explanation, f'<div class="wide scrolls">{table}</div>')


def _words(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _row(trial: Trial, names: Sequence[str], best: bool) -> str:
    cost = f"{trial.cost:.4f}" if math.isfinite(trial.cost) else "–"
    settings = [str(trial.settings.get(name, "")) for name in names]
    note = trial.reason or "the defaults" * trial.is_default
    cells = [str(trial.number + 1), trial.ending, cost, clock(trial.seconds), *settings, note]
    shown = "".join(f"<td>{safe(each)}</td>" for each in cells)
    mark = ' class="best"' * best
    return f"<tr{mark}>{shown}</tr>\n"


def _complete(history: History) -> list[Trial]:
    return [trial for trial in history.trials if trial.ending is Ending.COMPLETE and math.isfinite(trial.cost)]
