"""Reports for a person: the figures of `Measures` as lines of plain text, in layouts that people know.

Labels have the layout of scikit-learn's `classification_report`, and spans that of conlleval. No line has more than 100
columns. Names of labels come from the user, so control characters in them are shown by their codes.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import singledispatch

from charlm.measures import Measures
from charlm.measures.bleu import MISSING
from charlm.measures.classification import CALIBRATION_BINS, LabelFigures, LabelMeasures, LabelSetMeasures
from charlm.measures.forecasts import SeriesMeasures
from charlm.measures.paired import Paired
from charlm.measures.schemes import Scheme
from charlm.measures.spans import TagMeasures
from charlm.measures.texts import TextMeasures
from charlm.wording import figure, for_terminal, plural

WIDTH = 100
_NAME_WIDTH = 40
_MAX_ROWS = 50  # labels in a table
_MAX_NAIVE = 2  # naive answers that fit into a line
_MAX_CONFUSION = 12  # labels in a confusion matrix
_CELL = 6  # columns of a number in a confusion matrix
_CORNER = "true \\ answer"

# Names of figures for a person; each with the factor and the form in which it is shown.
FIGURE_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "precision_at_1": "P@1",
    "recall_at_1": "R@1",
    "calibration_error": "calibration error",
    "log_loss": "log loss (nats)",
    "mcc": "Matthews' coefficient",
    "auc": "area under the curve",
    "token_accuracy": "token accuracy",
    "sentence_accuracy": "sentence accuracy",
    "span_precision": "span precision",
    "span_recall": "span recall",
    "span_f1": "span F1",
    "exact_match": "exact match",
    "symbol_error_rate": "symbol error rate",
    "chrf": "chrF2",
    "mae": "MAE",
    "rmse": "RMSE",
    "smape": "sMAPE",
    "mase": "MASE",
    "coverage": "coverage",
    "msis": "MSIS",
}


@singledispatch
def report(measures: Measures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    """Return the lines of a report. `naive` has the measures of naive answers by what they are, in a word or two."""
    raise TypeError(f"there is no report of {type(measures).__name__}")


@report.register
def _(measures: LabelMeasures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    figures = measures.figures()
    lines = [*_label_table(measures.by_label(), measures.examples, figures["accuracy"]), ""]
    lines += [*_summary(measures, naive), *_unknown(measures)]
    matrix = confusion_lines(measures)
    return [*lines, "", *matrix] if matrix else lines


@report.register
def _(measures: LabelSetMeasures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    table = _label_table(measures.by_label(), measures.examples, None)
    return [*table, "", *_summary(measures, naive), *_unknown(measures)]


@report.register
def _(measures: TagMeasures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    if measures.scheme is Scheme.PLAIN:
        tokens = measures.by_token
        table = _label_table(tokens.by_label(), tokens.examples, measures.figures()["token_accuracy"])
        matrix = confusion_lines(tokens)
        return [*table, "", *_summary(measures, naive), *(["", *matrix] if matrix else [])]
    strict = {name: figure(value) for name, value in measures.strict().items()}
    return [
        *conlleval_lines(measures),
        "",
        *_summary(measures, naive),
        f"strictly by {measures.scheme}: span precision {strict['span_precision']}, span recall"
        f" {strict['span_recall']}, span F1 {strict['span_f1']}",
    ]


@report.register
def _(measures: TextMeasures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    (edits, symbols), wrong = measures.edits, measures.examples - measures.exact
    lines = _summary(measures, naive)
    if measures.examples:
        lines += [
            f"{wrong:,} of {plural(measures.examples, 'answer')} differ from the target"
            f" ({100 * wrong / measures.examples:.2f} %), by {plural(edits, 'edit')} in {plural(symbols, 'symbol')}"
        ]
        lines += _bleu(measures)
    return lines


@report.register
def _(measures: SeriesMeasures, naive: Mapping[str, Measures] | None = None) -> list[str]:
    lines = [f"{plural(measures.examples, 'series').removesuffix('s')}, season {measures.season}"]
    lines += _summary(measures, naive)
    for level, figures in measures.by_level().items():
        lines.append(
            f"intervals of {level} %: {figure(figures['coverage'])} of the values are inside, MSIS"
            f" {figure(figures['msis'])}, pinball loss {figure(figures['pinball'], '.6g')}"
        )
    if measures.without_scale:
        lines.append(f"MASE and MSIS leave out {measures.without_scale:,} series: the history is constant")
    return lines


def paired_lines(names: tuple[str, str], paired: Paired) -> list[str]:
    """Return a table of the figures of two models, their differences, and who is right where."""
    heads = [_fit(name, 16) for name in names]
    columns = "".join(f" {_right(head, 16)}" for head in heads)
    lines = [f"{'':22}{columns} {'difference':>11} {'95 % interval':>22}"]
    for name, value in paired.difference.items():
        if value is not None:
            interval = paired.interval.get(name)
            bounds = "–" if interval is None else " to ".join(f"{bound:+.4f}" for bound in interval)
            both = "".join(f" {_number(figures[name]):>16}" for figures in (paired.first, paired.second))
            lines.append(f"{FIGURE_NAMES[name]:22}{both} {value:>+11.4f} {bounds:>22}")
    if paired.right:
        both_right, first, second, neither = paired.right
        lines += [
            "",
            f"on {plural(paired.examples, 'example')}: both right {both_right:,}, only {heads[0]} {first:,}, only"
            f" {heads[1]} {second:,}, neither {neither:,}",
        ]
    return [*lines, "A difference is not certain if its interval, by the paired bootstrap, contains 0."]


def confusion_lines(measures: LabelMeasures) -> list[str]:
    """Return the confusion matrix, a row for each true label; no lines for more than 12 labels, or for none."""
    confusion = measures.confusion()
    names = sorted({*confusion, *(label for row in confusion.values() for label in row)})
    if not names or len(names) > _MAX_CONFUSION:
        return []
    width = _name_width([_CORNER, *names], WIDTH - (_CELL + 1) * len(names))
    shown = (_right(_fit(name, _CELL), _CELL) for name in names)
    lines = [f"{_right(_CORNER, width)} {' '.join(shown)}"]
    for name in names:
        numbers = " ".join(f"{_short(confusion.get(name, {}).get(other, 0)):>{_CELL}}" for other in names)
        lines.append(f"{_right(_fit(name, width), width)} {numbers}")
    return lines


def conlleval_lines(measures: TagMeasures) -> list[str]:
    """Return the figures of spans in the layout of conlleval."""
    figures, by_type = measures.figures(), measures.by_label()
    correct, predicted, support = measures.counts.sum(axis=0).astype(int).tolist()
    total = [100 * (figures[f"span_{name}"] or 0.0) for name in ("precision", "recall", "f1")]
    lines = [
        f"processed {measures.by_token.examples} tokens with {support} phrases; found: {predicted} phrases;"
        f" correct: {correct}.",
        f"accuracy: {100 * (figures['token_accuracy'] or 0.0):6.2f}%; {_conlleval(*total)}",
    ]
    for kind, each in _largest(by_type):
        name = _right(_fit(kind, _NAME_WIDTH), 17)
        percent = _conlleval(100 * each.precision, 100 * each.recall, 100 * each.f1)
        lines.append(f"{name}: {percent}  {each.predicted}")
    return [*lines, *_left_out(by_type)]


def _conlleval(precision: float, recall: float, f1: float) -> str:
    return f"precision: {precision:6.2f}%; recall: {recall:6.2f}%; FB1: {f1:6.2f}"


def _label_table(by_label: Mapping[str, LabelFigures], examples: int, accuracy: float | None) -> list[str]:
    """Return a row for each label, and their means; the macro mean is over the labels that occur in the truth."""
    names = [label for label, _ in _largest(by_label)]
    width = _name_width([*names, "weighted avg"], _NAME_WIDTH)
    heads = ("precision", "recall", "f1-score", "support")
    lines = [" " * width + "".join(f" {head:>10}" for head in heads), ""]
    lines += [_label_row(name, width, by_label[name][:3], by_label[name].support) for name in names]
    lines += [*_left_out(by_label), ""]
    if accuracy is not None:
        lines.append(f"{'accuracy':>{width}} {'':>10} {'':>10} {accuracy:10.4f} {examples:10}")
    true = [each for each in by_label.values() if each.support]
    support = sum(each.support for each in true)
    if true:
        macro = [sum(each[column] for each in true) / len(true) for column in range(3)]
        weighted = [sum(each[column] * each.support for each in true) / support for column in range(3)]
        lines += [_label_row("macro avg", width, macro, support), _label_row("weighted avg", width, weighted, support)]
    return lines


def _label_row(name: str, width: int, figures: Sequence[float], support: int) -> str:
    return f"{_right(_fit(name, width), width)}{''.join(f' {value:10.4f}' for value in figures)} {support:10}"


def _largest(by_label: Mapping[str, LabelFigures]) -> list[tuple[str, LabelFigures]]:
    """Return the labels with the largest support, at most 50, in the order of their names."""
    largest = sorted(by_label, key=lambda label: -by_label[label].support)[:_MAX_ROWS]
    return [(label, by_label[label]) for label in sorted(largest)]


def _left_out(by_label: Mapping[str, LabelFigures]) -> list[str]:
    count = len(by_label) - _MAX_ROWS
    return [f"… and {plural(count, 'label')} with less support; JSON has all of them"] if count > 0 else []


def _summary(measures: Measures, naive: Mapping[str, Measures] | None) -> list[str]:
    """Return a table of all figures: the model's, their 95 % intervals, and those of two naive answers at most.

    A figure that does not exist is left out, such as the span F1 of plain tags.
    """
    figures, intervals = measures.figures(), measures.intervals()
    others = {name: each.figures() for name, each in list((naive or {}).items())[:_MAX_NAIVE]}
    heads = "".join(f" {_right(_fit(name, 16), 16)}" for name in others)
    lines = [f"{'':22} {'value':>10} {'95 % interval':>22}{heads}".rstrip()]
    for name, value in figures.items():
        if value is None and measures.examples:
            continue
        interval = intervals.get(name)
        bounds = "–" if interval is None else " to ".join(_number(bound) for bound in interval)
        rest = "".join(f" {_number(each.get(name)):>16}" for each in others.values())
        lines.append(f"{FIGURE_NAMES[name]:22} {_number(value):>10} {bounds:>22}{rest}")
    if "calibration_error" in figures:
        lines.append(f"The calibration error is over {CALIBRATION_BINS} bins of equal width.")
    return lines


def _number(value: float | None) -> str:
    """Show a figure with four digits after the point, or with six digits in all if it is large."""
    return figure(value, ".4f" if value is None or abs(value) < 1_000 else ".6g")


def _unknown(measures: LabelMeasures | LabelSetMeasures) -> list[str]:
    count = measures.unknown
    return [f"{plural(count, 'true label')} unknown to the model: counted as errors"] if count else []


def _bleu(measures: TextMeasures) -> list[str]:
    return [MISSING] if measures.bleu is None else [f"BLEU {measures.bleu.score:.2f} ({measures.bleu.signature})"]


def _short(count: int) -> str:
    """Show a count in at most six characters: 123456, 1235k."""
    return str(count) if count < 10**_CELL else f"{count / 1000:.0f}k"


def _columns(text: str) -> int:
    """The columns that a terminal needs: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def _fit(text: str, width: int) -> str:
    """Return a name from the user on one line of at most `width` columns; a longer one ends in an ellipsis."""
    text = for_terminal(text).replace("\n", "\\n").replace("\t", "\\t")
    if _columns(text) <= width and len(text) <= 4 * width:
        return text
    text = text[: 4 * width]  # a character may have a few combining ones
    while _columns(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _right(text: str, width: int) -> str:
    return " " * max(0, width - _columns(text)) + text


def _name_width(names: Sequence[str], most: int) -> int:
    return max((_columns(_fit(name, most)) for name in names), default=0)
