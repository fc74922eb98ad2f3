"""The model card: the README of a model's folder, for whoever is handed it, and for the Hugging Face Hub."""

import inspect
import re
from collections.abc import Sequence

from charlm.checkpoints import numpy_loader as standalone
from charlm.data.sequences import Lines, Streams
from charlm.plan import TEMPERATURE, Plan
from charlm.scoring.evaluation import Evaluation
from charlm.scoring.passages import CONTEXT_TOKENS
from charlm.tasks.language import Dataset

# Line ends, what turns the direction of writing, and what UTF-8 or YAML cannot hold.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def model_card(
    name: str,
    plan: Plan,
    prepared: Dataset,
    parameters: int,
    step: int,
    evaluation: Evaluation,
    samples: Sequence[str],
) -> str:
    """Markdown under YAML for the Hub. It holds no text of the corpus but what the samples repeat."""
    return f"""{_front_matter(name, plan, prepared, evaluation)}
# {_code(_shown(name))}

A language model of one corpus, trained with charlm (`charlm-rnn` on the Python package index): it gives a probability
to a text and writes new ones, one symbol after the other.

| | |
|---|---|
{_rows(plan, prepared, parameters, step)}

The fingerprint is of all texts in order, each as UTF-8 after its length in bytes (8 bytes, the lowest first).

## How well it predicts

{_figures(prepared, evaluation)}
{_samples(samples)}
## With charlm

```sh
# in this folder
charlm sample --model ./
charlm score --model ./ "a text"
# what it is, and the command that trains it again by its plan.json
charlm info --model ./
```

In Python: `charlm.load("folder").sample("a text")`.

## Without charlm

`config.json` and `tokenizer.json` are plain JSON, `model.safetensors` has the weights by the names of torch.nn. This is
all it takes to read them:

{_block(inspect.getsource(standalone).rstrip(), "python")}

## What to keep in mind

It knows its corpus and nothing else. What it writes may be wrong, offensive, or a passage of that corpus: the weights
hold traces of it, and `tokenizer.json` every symbol that was learned.
"""


def _front_matter(name: str, plan: Plan, prepared: Dataset, found: Evaluation) -> str:
    """What the Hub reads: https://github.com/huggingface/hub-docs/blob/main/modelcard.md has the fields."""
    quoted = _shown(name.replace("\\", "\\\\").replace('"', '\\"'))
    bits = found.bits_per_char_known
    results = f"""model-index:
- name: "{quoted}"
  results:
  - task:
      type: text-generation
    dataset:
      type: text
      name: {"held-out text" if prepared.parts.held_out else "the corpus itself"}
      split: {"validation" if prepared.parts.held_out else "train"}
    metrics:
    - type: cross_entropy
      name: nats per symbol
      value: {found.known_nats_per_token:.4f}
    - type: bits_per_character
      name: bits per character
      value: {bits or 0:.4f}
"""
    return f"""---
library_name: charlm
pipeline_tag: text-generation
tags:
- recurrent-neural-network
- {plan.model.cell}
{"" if bits is None else results}---
"""


def _rows(plan: Plan, prepared: Dataset, parameters: int, step: int) -> str:
    model, parts, corpus = plan.model, prepared.parts, prepared.corpus
    rounded = ", factors of the recurrent products rounded to bfloat16" if plan.train.precision == "bfloat16" else ""
    rows = {
        "network": f"{model.shape}; {parameters:,} parameters",
        "symbols": f"{prepared.tokenizer.size:,} ({model.tokenizer}), {model.embedding} input",
        "corpus": f"{corpus.characters:,} characters in {_count(len(corpus.documents), 'file')}",
        "fingerprint": f"SHA-256 {corpus.fingerprint()}",
        "trained on": _extent(prepared, parts.train),
        "held out": _held_out(prepared),
        "trained": f"{step:,} of {plan.total:,} steps, seed {plan.train.seed}, in float32{rounded}",
    }
    return "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _extent(prepared: Dataset, texts: Streams | Lines | Sequence[str]) -> str:
    kind = "line" if prepared.sequence == "line" else "running text"
    return f"{prepared.parts.characters(texts):,} characters in {_count(len(texts), kind)}"


def _held_out(prepared: Dataset) -> str:
    if not prepared.parts.held_out:
        return "nothing: the corpus is too small"
    extent = _extent(prepared, prepared.parts.valid)
    if prepared.held_out:
        return f"{extent} given beside the corpus"
    if prepared.sequence == "line":
        return f"{extent} chosen by a hash of their number"
    return f"{extent}: the last part of {'the file' if len(prepared.corpus.documents) == 1 else 'each file'}"


def _figures(prepared: Dataset, found: Evaluation) -> str:
    """The figures, and the protocol they were taken by."""
    nats, bits = found.known_nats_per_token, found.bits_per_char_known
    if bits is None:
        return "There is no figure: the model has a symbol for no character of the held-out part."
    where = "the held-out part" if prepared.parts.held_out else "the text it learned from, as nothing is held out"
    protocol = [f"of {where}: {found.known_tokens:,} symbols for {found.known_characters:,} characters"]
    if prepared.tokenizer.AMBIGUOUS:
        protocol.append("of one way to cut the text into symbols: its probability is no lower")
    if prepared.sequence == "line":
        protocol.append("each line read from a zero state; its end is a symbol, is scored, and counts as a character")
    else:
        pieces = found.streams or 1
        cut = pieces > len(prepared.parts.valid)
        warm = f", each after the {CONTEXT_TOKENS} symbols before it, which are not scored" if cut else ""
        protocol.append(f"read in {_count(pieces, 'piece')} from a zero state{warm}")
        ends = "a symbol and is scored" if prepared.predictable[prepared.tokenizer.EOS] else "not scored"
        protocol.append(f"the end of a text is {ends}")
    if found.unknown:
        protocol.append(f"without {_count(found.unknown, 'character')} that the model has no symbol for")
    protocol.append("bits per character are nats / (ln 2 · characters)")
    protocol.append("the weights kept are those that did best here, of all that were tried on the way")
    listed = "".join(f"\n- {each}" for each in protocol)
    return f"**{nats:.4f} nats per symbol, {bits:.4f} bits per character**\n{listed}"


def _samples(samples: Sequence[str]) -> str:
    if not samples:
        return ""
    blocks = "\n\n".join(_block(_shown(sample, but="\n\t"), "text") for sample in samples)
    how = f"As they were drawn at temperature {TEMPERATURE:g}, control characters by their code."
    return f"\n## Samples\n\n{how}\n\n{blocks}\n"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _shown(text: str, but: str = "") -> str:
    """Control characters by their code, as Python and YAML write it."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in but else ascii(found[0])[1:-1], text)


def _block(text: str, language: str) -> str:
    """Code, in a fence that nothing in it closes."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str) -> str:
    """The same within a line."""
    ticks, space = "`" * (_longest_run(text) + 1), " " * (text.strip("`") != text)
    return ticks + space + text + space + ticks


def _longest_run(text: str) -> int:
    """How many backticks stand together in it, at most."""
    return max(map(len, re.findall("`+", text)), default=0)
