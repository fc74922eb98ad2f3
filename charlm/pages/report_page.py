"""The report as one self-contained page: no script, nothing loaded, every character of the texts escaped."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from charlm.analysis.report import Report
from charlm.analysis.run_log import Point
from charlm.analysis.surprisal import Line, Surprisal
from charlm.config import ModelConfig
from charlm.language_model import PREVIEW_TEMPERATURE
from charlm.markup import safe
from charlm.pages import report_name
from charlm.pages.chart import Curve, chart
from charlm.pages.embedding_map import HEIGHT, WIDTH, legend, marks
from charlm.pages.report_style import STYLE
from charlm.pages.style import document, section, sheet
from charlm.scoring.heat import COLORS, level, level_legend, level_rules
from charlm.wording import figure, plural, vocabulary_size

_LINES = 8  # most surprising lines, and as many of the least surprising
_STAGES = 8  # steps from which samples are shown
_LONGEST = 240  # characters of a sample or a line
_NARROW = 4  # classes whose confusion table fits into a narrow window
_END = "<EOS>"
_OF_PART = "_bits_per_char"  # end of the name of the figure of a part, such as the network without its counts
_COUNTS_ALONE = "The counts alone were kept, because the network did not predict better."


def page(report: Report) -> str:
    """The whole report as HTML."""
    parts = [_head(report), _curves(report), _samples(report), _surprisal(report), _map(report), _tables(report)]
    return document(report_name.title(report.name), STYLE + sheet() + level_rules(".s"), "".join(parts))


def _head(report: Report) -> str:
    described, shape = report.described, ModelConfig(**report.described["config"]).shape
    valid, corpus = described["validation"], described["corpus"]
    figures = {
        **(_validation(valid) if valid else {"validation": "none"}),
        "parameters": f"{described['parameters']:,}",
        "best step" if valid else "stopped at step": f"{described['step']:,}",
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())
    trained = f"{plural(corpus['characters'], 'character')} of {', '.join(corpus['files'])}"
    kept = f"<p>{_COUNTS_ALONE}</p>\n" if described.get("counts_alone") else ""
    return (
        f"<header>\n{report_name.heading(report.name)}\n<p>{safe(shape)}, trained on {safe(trained)}</p>\n"
        f'<dl class="figures">{shown}</dl>\n{kept}</header>\n'
    )


def _validation(values: Mapping[str, Any]) -> dict[str, str]:
    bits = values.get("bits_per_char_known", values["bits_per_char"])
    return {
        "bits per character": figure(bits, ".3f"),
        **{
            f"by the {name.removesuffix(_OF_PART)} alone": figure(each, ".3f")
            for name, each in values.items()
            if name.endswith(_OF_PART)
        },
        "perplexity per token": figure(values.get("perplexity"), ",.2f"),
    }


def _curves(report: Report) -> str:
    points = report.log.points

    def curve(name: str, css_class: str, field: str) -> Curve:
        values = ((point.step, getattr(point, field)) for point in points)
        return Curve(name, css_class, [(step, value) for step, value in values if value is not None])

    train, valid = curve("training", "a", "train"), curve("held out", "b", "valid")
    key = '<span class="key a">training, smoothed</span> <span class="key b">held out</span>'
    charts = (
        ("Loss", f"nats per token: {key}", chart([train, valid], "Loss")),
        ("Learning rate", "of the last step", chart([curve("rate", "a", "learning_rate")], "Learning rate")),
        ("Gradient", "norm before clipping", chart([curve("norm", "a", "gradient_norm")], "Gradient norm")),
        ("Speed", "characters per second", chart([curve("speed", "a", "speed")], "Speed")),
    )
    shown = "".join(
        f"<figure><figcaption><b>{name}</b> {unit}</figcaption>\n{picture}\n</figure>\n"
        for name, unit, picture in charts
        if picture
    )
    inside = f'<div class="charts">{shown}</div>' if shown else "<p>The run recorded no curves.</p>"
    return section("The run", "The charts are cropped to the later steps; the first steps would flatten them.", inside)


def _samples(report: Report) -> str:
    points = [point for point in report.log.points if point.samples]
    if not points:
        return ""
    chosen = [points[round(index)] for index in _spread(len(points), _STAGES)]
    rows = "".join(
        f"<tr><th>{point.step:,}{_loss(point)}</th><td>{''.join(map(_sample, point.samples))}</td></tr>\n"
        for point in chosen
    )
    return section(
        "Samples during training",
        f"Samples from an empty prompt at temperature {PREVIEW_TEMPERATURE:g}, with the same seed at each step.",
        f'<table class="samples"><tbody>\n{rows}</tbody></table>',
    )


def _spread(count: int, most: int) -> list[float]:
    """At most `most` positions among `count`, evenly spaced, the first and the last included."""
    return [index * (count - 1) / max(1, min(count, most) - 1) for index in range(min(count, most))]


def _loss(point: Point) -> str:
    return "" if point.train is None else f"<small>{point.train:.2f} nats</small>"


def _sample(text: str) -> str:
    return f"<pre>{safe(_cut(text))}</pre>"


def _surprisal(report: Report) -> str:
    surprisal = report.surprisal
    if surprisal is None:
        reason = f"Left out: {report.text}. To include it, name a held-out text: charlm report FILE"
        return section("Surprising lines", reason, "")
    read = f"{plural(surprisal.tokens, 'token')}, {plural(len(surprisal.lines), 'different line')}"
    unknown = f"; {plural(surprisal.unknown, 'line')} with unknown characters left out" if surprisal.unknown else ""
    most = surprisal.lines[:_LINES]
    least = surprisal.lines[::-1][: min(_LINES, len(surprisal.lines) // 2)]
    scale = (
        "Left: bits per character of the line. Color of a token: its surprisal in bits, rounded down:"
        f" {level_legend()} or more."
    )
    inside = (
        f'<p class="legend">{scale}</p>\n'
        f"<h3>Most surprising</h3>\n{_lines(most)}<h3>Least surprising</h3>\n{_lines(least)}"
    )
    return section("Surprising lines", f"From {report.text}: {read}{unknown}.", inside) + _confusion(surprisal)


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


def _confusion(surprisal: Surprisal) -> str:
    head = "".join(f"<th>{name}</th>" for name in surprisal.classes)
    rows = "".join(
        f"<tr><th>{name}</th>{''.join(_share(share, row == column) for column, share in enumerate(shares))}</tr>\n"
        for row, (name, shares) in enumerate(zip(surprisal.classes, surprisal.confusion.tolist(), strict=True))
    )
    scrolls = " scrolls" * (len(surprisal.classes) > _NARROW)
    return section(
        "Confusion table",
        "Row: the class of the actual token. Columns: the mean probability, in percent, that the model gave to each"
        " class there. The correct class has a frame. The class of a longer token is that of its beginning.",
        f'<div class="wide{scrolls}"><table class="confusion"><thead><tr><td></td>{head}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>",
    )


def _share(share: float, correct: bool) -> str:
    color = min(len(COLORS) - 1, int(share * len(COLORS)))
    return f'<td class="s{color}{" right" if correct else ""}">{100 * share:.1f}</td>'


def _map(report: Report) -> str:
    if report.map is None:
        return ""
    picture = (
        f'<div class="wide scrolls">\n<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="A map of the tokens">\n{marks(report.map)}\n</svg>\n</div>\n'
    )
    caption = f"{report.map.caption}. Near tokens follow similar contexts: the vectors are those of the readout."
    if report.described["config"]["ngram"] != "none":
        caption += " The counts beside the network have no vectors."
    return section("Map of the tokens", caption, f'{picture}<p class="kinds">{legend(report.map)}</p>')


def _tables(report: Report) -> str:
    described, train = report.described, report.described["plan"]["train"]
    shape, corpus = described["config"], described["corpus"]
    plan = {
        "network": ModelConfig(**shape).shape,
        "embedding": f"{shape['embedding']}, {shape['embedding_size']:,} wide",
        "tokenizer": f"{shape['tokenizer']}, {vocabulary_size(described['vocabulary_size'])}",
        "sequence": shape["sequence"],
        "steps": f"{described['steps']:,} of {train['batch_size']} × {train['seq_len']} tokens",
        **({"runs": described["runs"]} if "runs" in described else {}),
        "learning rate": f"{train['learning_rate']:g} at its peak, gradients clipped at {train['clip']:g}",
        "dropout, decay": f"{shape['dropout']:g}, {train['weight_decay'] or 0:g}",
        "precision": train["precision"],
        "seed": train["seed"],
        "corpus": f"SHA-256 {corpus['sha256']}",
        **({"repeat": described["repeat"]} if described["validation"] else {}),
    }
    machine = _table(report.log.machine) if report.log.machine else "<p>The run did not record it.</p>"
    return f'<div class="pair">{section("The plan", "", _table(plan))}{section("The machine", "", machine)}</div>\n'


def _table(values: Mapping[str, Any]) -> str:
    rows = "".join(f"<tr><th>{safe(name)}</th><td>{safe(str(value))}</td></tr>\n" for name, value in values.items())
    return f'<table class="facts"><tbody>\n{rows}</tbody></table>\n'


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
