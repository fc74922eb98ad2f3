"""Scores as one self-contained page: no script, nothing fetched, every character of the text escaped."""

import math
from collections.abc import Sequence
from html import escape

from charlm.pages.heat import COLOURS, ink, level, step
from charlm.scoring.score import Score
from charlm.tokenizers import Tokenizer

_UNKNOWN, _END = Tokenizer.CONTROL[Tokenizer.UNK], Tokenizer.CONTROL[Tokenizer.EOS]
# What is pointed at is told at the foot of the window: no edge cuts it off, and what it hides can be scrolled up.
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em 12em }
pre { font: 17px/2 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
b { font-weight: normal; padding: .15em 0; border-bottom: 0 solid #d00 }
.legend b { display: inline-block; padding: 0 .6em; margin-bottom: .3em }
pre b { outline-offset: 1px }
pre b:hover, pre b:focus { outline: 2px solid #d00 }
pre b:hover::after, pre b:focus::after { content: attr(data-tip); position: fixed; left: 1em; bottom: 1em;
  box-sizing: border-box; max-width: calc(100% - 2em); white-space: pre-wrap; padding: .5em .8em; pointer-events: none;
  background: Canvas; color: CanvasText; border: 1px solid GrayText; font: 14px/1.4 ui-monospace, monospace }
pre b:hover::after { z-index: 1 }
"""


def page(scores: Sequence[Score], convention: str) -> str:
    """HTML of texts with each token on the colour of its surprisal, over a red bar as thick as that is high.

    Pointed at, a token shows its probability and surprisal, and with `alternatives` its rank, the entropy before it and
    the likeliest symbols there. `convention` says how it was scored.
    """
    levels = "".join(
        f"b.s{each} {{ background: {colour}; color: {ink(each)}; border-bottom-width: {each}px }}\n"
        for each, colour in enumerate(COLOURS)
    )
    bits = step(scores[0].unit) if scores else 1
    legend = " ".join(f'<b class="s{each}">{each}</b>' for each in range(len(COLOURS)))
    most = len(COLOURS) - 1
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n<title>charlm score</title>\n'
        f"<style>{_STYLE}{levels}</style>\n</head>\n<body>\n"
        f'<p class="legend">surprisal {legend} in steps of {bits} bit{"s" * (bits > 1)}, {most} is {most} or more: '
        "the brighter, and the thicker the bar, the more surprising</p>\n"
        f"{''.join(map(_text, scores))}<p>{escape(convention)}</p>\n</body>\n</html>\n"
    )


def _text(found: Score) -> str:
    given = "".join(escape(token or _UNKNOWN) for token in found.given)
    tokens = "".join(_token(found, place) for place in range(len(found.tokens)))
    bits = found.bits_per_char_known if found.unknown else found.bits_per_char
    return (
        f"<pre>{given}{tokens}</pre>\n"
        f"<p>log-probability {found.logprob:.4f} nats, perplexity {_figure(found.perplexity)}, "
        f"{_figure(bits)} bits per character{f', {found.unknown:,} unknown characters' if found.unknown else ''}</p>\n"
    )


def _token(found: Score, place: int) -> str:
    token, logprob = found.tokens[place], found.logprobs[place]
    last = found.eos and place == len(found.tokens) - 1
    lines = [f"{_shown(token, last)}  {math.exp(logprob):.4%}  {0.0 - logprob / math.log(2):.2f} bits"]
    if found.ranks is not None and found.entropies is not None:
        lines += [f"rank {found.ranks[place]:,}, entropy {found.entropies[place] / math.log(2):.2f} bits"]
    if found.alternatives is not None:
        lines += [f"{math.exp(value):8.2%}  {_shown(text, True)}" for text, value in found.alternatives[place]]
    tip = escape("\n".join(lines)).replace("\n", "&#10;")
    text = escape(_shown(token, last) if token is None else token.replace("\n", "↵\n"))
    return f'<b class="s{level(logprob, found.unit)}" tabindex="0" data-tip="{tip}">{text}</b>'


def _shown(token: str | None, last: bool) -> str:
    """A token by its representation; a control symbol is the end where there can be one, else unknown."""
    if token is None:
        return _END if last else _UNKNOWN
    return repr(token)


def _figure(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.4f}"
