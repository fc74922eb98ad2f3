"""The report as one self-contained page: no script, nothing fetched, every character of the texts escaped."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charlm.analysis.report import Report
from charlm.analysis.run_log import Point
from charlm.analysis.surprise import Line, Surprise
from charlm.config import ModelConfig
from charlm.pages.chart import Curve, chart
from charlm.pages.embedding_map import HEIGHT, WIDTH, drawing
from charlm.pages.heat import COLOURS, ink, level
from charlm.pages.report_style import STYLE
from charlm.pages.style import NO_NETWORK, safe, sheet
from charlm.plan import TEMPERATURE

_LINES = 8  # of the most surprising, and of the least
_STAGES = 8  # of the samples
_LONGEST = 240  # characters of a sample or a line
_END = "<EOS>"


def page(report: Report) -> str:
    """The whole report in HTML."""
    parts = [_head(report), _curves(report), _samples(report), _surprise(report), _map(report), _tables(report)]
    heat = "".join(f".s{each} {{ background: {colour}; color: {ink(each)} }}\n" for each, colour in enumerate(COLOURS))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{NO_NETWORK}'
        f"<title>{safe(report.name)}: a report of charlm</title>\n<style>\n{STYLE}{sheet()}{heat}</style>\n</head>\n"
        f"<body>\n{''.join(parts)}</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    found, shape = report.described, ModelConfig(**report.described["config"]).shape
    valid, corpus = found["validation"], found["corpus"]
    bits = valid.get("bits_per_char_known", valid["bits_per_char"])
    figures = {
        "bits per character": _figure(bits, 3),
        "perplexity per symbol": _figure(valid.get("perplexity"), 2),
        "parameters": f"{found['parameters']:,}",
        "steps to the best": f"{found['step']:,}",
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())
    trained = f"{corpus['characters']:,} characters of {', '.join(corpus['files'])}"
    return (
        f"<header>\n<h1>{safe(report.name)}</h1>\n<p>{safe(shape)}, trained on {safe(trained)}</p>\n"
        f'<dl class="figures">{shown}</dl>\n</header>\n'
    )


def _curves(report: Report) -> str:
    points = report.log.points

    def curve(name: str, kind: str, field: str) -> Curve:
        values = ((point.step, getattr(point, field)) for point in points)
        return Curve(name, kind, [(step, value) for step, value in values if value is not None])

    train, valid = curve("training", "a", "train"), curve("held out", "b", "valid")
    key = '<span class="key a">training, smoothed</span> <span class="key b">held out</span>'
    charts = (
        ("Loss", f"nats per symbol: {key}", chart([train, valid], "Loss")),
        ("Learning rate", "of the step before", chart([curve("rate", "a", "learning_rate")], "Learning rate")),
        ("Gradient", "its norm, before clipping", chart([curve("norm", "a", "gradient_norm")], "Gradient norm")),
        ("Speed", "characters a second", chart([curve("speed", "a", "speed")], "Speed")),
    )
    shown = "".join(
        f"<figure><figcaption><b>{name}</b> {what}</figcaption>\n{drawn}\n</figure>\n"
        for name, what, drawn in charts
        if drawn
    )
    inside = f'<div class="charts">{shown}</div>' if shown else "<p>The run wrote down no curves.</p>"
    return _section("The run", "The first steps run out of the pictures, which show what comes after.", inside)


def _samples(report: Report) -> str:
    points = [point for point in report.log.points if point.samples]
    if not points:
        return ""
    chosen = [points[round(place)] for place in _spread(len(points), _STAGES)]
    rows = "".join(
        f"<tr><th>{point.step:,}{_loss(point)}</th><td>{''.join(map(_sample, point.samples))}</td></tr>\n"
        for point in chosen
    )
    return _section(
        "What it wrote on the way",
        "The same empty prompt gone on with, after so many steps, by the same random numbers at temperature"
        f" {TEMPERATURE:g}.",
        f'<table class="samples"><tbody>\n{rows}</tbody></table>',
    )


def _spread(count: int, most: int) -> list[float]:
    """Places of at most so many of `count`, the first and the last among them."""
    return [place * (count - 1) / max(1, min(count, most) - 1) for place in range(min(count, most))]


def _loss(point: Point) -> str:
    return "" if point.train is None else f"<small>{point.train:.2f} nats</small>"


def _sample(text: str) -> str:
    return f"<pre>{safe(_cut(text))}</pre>"


def _surprise(report: Report) -> str:
    found = report.surprise
    if found is None:
        return _section("What surprises it", f"Left out: {report.text}.", "")
    what = f"Of {report.text}: {found.tokens:,} symbols, {len(found.lines):,} different lines"
    what += f"; {found.unknown:,} more have a character that is no symbol." if found.unknown else "."
    scale = "".join(f'<b class="s{each}">{each}</b>' for each in range(len(COLOURS)))
    most, least = found.lines[:_LINES], found.lines[::-1][: min(_LINES, len(found.lines) // 2)]
    legend = "At the left bits per character of the line; on each symbol its surprisal in bits, rounded down:"
    inside = (
        f'<p class="legend">{legend} {scale} or more.</p>\n'
        f"<h3>Most surprising</h3>\n{_lines(most)}<h3>Least surprising</h3>\n{_lines(least)}"
    )
    return _section("What surprises it", what, inside) + _confusion(found)


def _lines(lines: Sequence[Line]) -> str:
    rows = "".join(
        f"<tr><th>{line.bits_per_char:.2f}</th><td><pre>{''.join(_heat(line))}</pre></td></tr>\n" for line in lines
    )
    return f'<table class="lines"><tbody>\n{rows}</tbody></table>\n'


def _heat(line: Line) -> Iterator[str]:
    left = _LONGEST
    for token, logprob in zip(line.tokens, line.logprobs, strict=True):
        if left <= 0:
            yield "…"
            return
        text = _END if token is None else token.replace("\n", "↵")
        left -= len(text)
        bits = -logprob / math.log(2)
        yield f'<b class="s{level(logprob, "token")}" title="{bits:.2f} bits">{safe(text)}</b>'


def _confusion(found: Surprise) -> str:
    head = "".join(f"<th>{name}</th>" for name in found.classes)
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(_share(share, row == column) for column, share in enumerate(shares))}</tr>\n"
        for row, (name, shares) in enumerate(zip(found.classes, found.confusion.tolist(), strict=True))
    )
    return _section(
        "What it takes for what",
        "Where a symbol of the kind at the left came, the mean probability, in percent, of each kind; the right one is"
        " framed. A longer symbol is of the kind it begins with.",
        f'<div class="wide"><table class="confusion"><thead><tr><td></td>{head}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>",
    )


def _share(share: float, right: bool) -> str:
    place = min(len(COLOURS) - 1, int(share * len(COLOURS)))
    return f'<td class="s{place}{" right" if right else ""}">{100 * share:.1f}</td>'


def _map(report: Report) -> str:
    if report.map is None:
        return ""
    legend = " ".join(f'<b class="k-{kind}">{kind}</b>' for kind in report.map.classes())
    picture = (
        f'<div class="wide">\n<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="A map of the symbols">\n{drawing(report.map)}\n</svg>\n</div>\n'
    )
    what = f"{report.map.caption}. The vectors are the rows of the readout: near are symbols that follow the same."
    return _section("Where the symbols lie", what, f'{picture}<p class="kinds">{legend}</p>')


def _tables(report: Report) -> str:
    found, train = report.described, report.described["plan"]["train"]
    shape, corpus = found["config"], found["corpus"]
    plan = {
        "network": ModelConfig(**shape).shape,
        "input": f"{shape['embedding']}, {shape['embedding_size']:,} wide, {found['vocabulary_size']:,} symbols",
        "tokenizer": shape["tokenizer"],
        "sequence": shape["sequence"],
        "steps": f"{found['steps']:,} of {train['batch_size']} × {train['seq_len']} symbols",
        "learning rate": f"{train['learning_rate']:g} at its peak, gradients clipped at {train['clip']:g}",
        "dropout, decay": f"{shape['dropout']:g}, {train['weight_decay']:g}",
        "precision": train["precision"],
        "seed": train["seed"],
        "corpus": f"SHA-256 {corpus['sha256']}",
        "repeat": found["repeat"],
    }
    machine = _table(report.log.machine) if report.log.machine else "<p>The run did not write it down.</p>"
    return f'<div class="pair">{_section("The plan", "", _table(plan))}{_section("The machine", "", machine)}</div>\n'


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><th>{safe(name)}</th><td>{safe(str(value))}</td></tr>\n" for name, value in values.items())
    return f'<table class="facts"><tbody>\n{rows}</tbody></table>\n'


def _section(title: str, what: str, inside: str) -> str:
    words = f'<p class="what">{safe(what)}</p>\n' if what else ""
    return f"<section>\n<h2>{title}</h2>\n{words}{inside}\n</section>\n"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _figure(value: float | None, decimals: int) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:,.{decimals}f}"
