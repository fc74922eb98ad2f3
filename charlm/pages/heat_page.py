"""Scores as one self-contained page: no script, nothing loaded, every character of the text escaped."""

import math
from collections.abc import Sequence
from html import escape

from charlm.markup import safe
from charlm.pages.style import document, titled
from charlm.raw_bytes import visible
from charlm.scoring.heat import COLORS, bits_per_level, level, level_legend, level_rules
from charlm.scoring.score import Score
from charlm.scoring.summary import Logarithms, summary
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

_UNKNOWN, _END = Tokenizer.CONTROL[Tokenizer.UNK], Tokenizer.CONTROL[Tokenizer.EOS]
_DASHED = "; text above a dashed bar is unknown to the model"
# The details of a token appear at the foot of the window: no edge cuts them off, and the text that they cover can be
# scrolled up.
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em 12em }
pre { font: 17px/2 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
b { font-weight: normal; padding: .15em 0; border-bottom: 0 solid #d00 }
b.unknown { border-bottom: 2px dashed #d00 }
.legend b { display: inline-block; padding: 0 .6em; margin-bottom: .3em }
h1 { font-size: 1.5em; line-height: 1.2 }
pre b { outline-offset: 1px }
pre b:hover, pre b:focus { outline: 2px solid #d00 }
pre b:hover::after, pre b:focus::after { content: attr(data-tip); position: fixed; left: 1em; bottom: 1em;
  box-sizing: border-box; max-width: calc(100% - 2em); white-space: pre-wrap; padding: .5em .8em; pointer-events: none;
  background: Canvas; color: CanvasText; border: 1px solid GrayText; font: 14px/1.4 ui-monospace, monospace }
pre b:hover::after { z-index: 1 }
"""
# A line above a token, with a gap between: the share of the counts in its probability, in quarters.
_LINES = {"": "", "¼": "dotted", "½": "dashed", "¾": "solid"}
_GAP = "b[class*=' c'] { background-clip: content-box; padding: 3px 0 0 }\n"


def page(scores: Sequence[Score], convention: str, model: str = "") -> str:
    """HTML of texts, each token on the color of its surprisal, above a red bar whose thickness shows it too.

    A token under the pointer shows its probability and surprisal; with `alternatives` also its rank, the entropy before
    it, and the most likely tokens there; with counts beside the network also their weight and their share, which a
    line above the token shows too. `convention` says how the texts were scored.
    model: its name, for the heading and for the title of the window.
    """
    unknown = any(score.originals for score in scores)
    bars = "".join(f"b.s{each} {{ border-bottom-width: {each}px }}\n" for each in range(len(COLORS)))
    bits = plural(bits_per_level(scores[0].unit) if scores else 1, "bit")
    legend = (
        f'<p class="legend">surprisal {level_legend()} in steps of {bits}; {len(COLORS) - 1} has no upper limit: the'
        f" brighter the color and the thicker the bar, the more surprising{_DASHED * unknown}</p>\n"
    )
    if any(score.counts_shares is not None for score in scores):
        bars += _line_rules()
        legend += _line_legend()
    heading = f"<h1>Surprisal of {plural(len(scores), 'text')}{f' by the model {safe(model)}' * bool(model)}</h1>\n"
    body = f"{heading}{legend}{''.join(map(_text, scores))}<p>{escape(convention)}</p>\n"
    return document(titled(model, "charlm score"), _STYLE + level_rules("b.s") + bars, body)


def _line_rules() -> str:
    lines = ((number, line) for number, line in enumerate(_LINES.values()) if line)
    return _GAP + "".join(f"b.c{number} {{ border-top: 2px {line} CanvasText }}\n" for number, line in lines)


def _line_legend() -> str:
    lines = ((number, share) for number, share in enumerate(_LINES) if share)
    shown = ", ".join(f'<b class="c{number}">from {share}</b>' for number, share in lines)
    return f'<p class="legend">line above a token: share of the counts of n-grams in its probability, {shown}</p>\n'


def _text(score: Score) -> str:
    originals = score.originals or [""] * len(score.given)
    pairs = zip(score.given, originals, strict=False)
    given = "".join(escape(visible(token)) if token else safe(text) for token, text in pairs)
    tokens = "".join(_token(score, index) for index in range(len(score.tokens)))
    return f"<pre>{given}{tokens}</pre>\n<p>{escape(summary(score, Logarithms()))}</p>\n"


def _token(score: Score, index: int) -> str:
    token, logprob = score.tokens[index], score.logprobs[index]
    last = score.eos and index == len(score.tokens) - 1
    unknown = token is None and not last
    original = score.originals[len(score.given) + index] if unknown and score.originals else ""
    name = f"{original!r}, unknown to the model," if unknown else _shown(token, last)
    lines = [f"{name}  {math.exp(logprob):.4%}  {0.0 - logprob / math.log(2):.2f} bits"]
    if score.ranks is not None and score.entropies is not None:
        lines += [f"rank {score.ranks[index]:,}, entropy {score.entropies[index] / math.log(2):.2f} bits"]
    if score.alternatives is not None:
        lines += [f"{math.exp(value):8.2%}  {_shown(text, True)}" for text, value in score.alternatives[index]]
    line = ""
    if score.counts_shares is not None and score.gates is not None:
        share = score.counts_shares[index]
        lines[1:1] = [f"{share:.0%} from the counts, whose weight was {score.gates[index]:.2f}"]
        line = f" c{int(min(share * len(_LINES), len(_LINES) - 1))}"
    tip = escape("\n".join(lines)).replace("\n", "&#10;")
    if unknown:
        return f'<b class="unknown" tabindex="0" data-tip="{tip}">{safe(original)}</b>'
    text = escape(_END if token is None else visible(token).replace("\n", "↵\n"))
    return f'<b class="s{level(logprob, score.unit)}{line}" tabindex="0" data-tip="{tip}">{text}</b>'


def _shown(token: str | None, last: bool) -> str:
    """The representation of a token; a control token is <EOS> where the text can end, <UNK> elsewhere."""
    if token is None:
        return _END if last else _UNKNOWN
    return repr(visible(token))
