"""The model card: the README of a model's folder, for people and for the Hugging Face Hub."""

import inspect
from collections.abc import Sequence

from charlm.checkpoints import card_name, numpy_loader
from charlm.config import TextMode
from charlm.data.sequences import Lines, Streams
from charlm.files.markdown import block, printable
from charlm.plan import Plan
from charlm.scoring.evaluation import Evaluation
from charlm.scoring.passages import CONTEXT_TOKENS
from charlm.tasks.language import PREVIEW_TEMPERATURE, Dataset
from charlm.training.best import Best
from charlm.wording import plural


def model_card(name: str, plan: Plan, dataset: Dataset, parameters: int, best: Best) -> str:
    """Write the card: YAML for the Hub, then Markdown. The only text of the corpus in it is what the samples repeat."""
    return f"""{_front_matter(name, plan, dataset, best.evaluation)}
{card_name.heading(name)}

This language model was trained on one corpus with charlm (`charlm-rnn` on the Python Package Index). It computes the
probability of a text, and generates new text token by token.

| | |
|---|---|
{_rows(plan, dataset, parameters, best.step)}

The fingerprint covers all texts in order: the length of each in bytes (8 bytes, little-endian), then its UTF-8.

## How well it predicts

{_figures(dataset, best.evaluation, len(plan.runs()))}
{_samples(best.samples)}
## With charlm

```sh
# run these commands in this folder
charlm sample --model ./
charlm score --model ./ "a text"
# what the model is, and the command that repeats its training
charlm info --model ./
```

In Python: `charlm.load("folder").sample("a text")`.

## Without charlm

`config.json` and `tokenizer.json` are plain JSON. `model.safetensors` contains the weights under the names of torch.nn.
This program reads them with numpy:

{block(inspect.getsource(numpy_loader).rstrip(), "python")}

## Limits

The model knows its corpus and nothing else. The text that it generates may be wrong, offensive, or copied from the
corpus: the weights contain traces of the corpus, and `tokenizer.json` contains every token that was learned.
"""


def _front_matter(name: str, plan: Plan, dataset: Dataset, evaluation: Evaluation | None) -> str:
    """Return the YAML of the Hub; https://github.com/huggingface/hub-docs/blob/main/modelcard.md defines the fields."""
    return f"""---
library_name: charlm
pipeline_tag: text-generation
tags:
- recurrent-neural-network
- {plan.model.cell}
{_results(name, dataset, evaluation) if evaluation else ""}---
"""


def _results(name: str, dataset: Dataset, evaluation: Evaluation) -> str:
    """Return the figures for the Hub; an empty string if there are none."""
    nats, bits = evaluation.known_nats_per_token, evaluation.bits_per_char_known
    if nats is None or bits is None:
        return ""
    return f"""model-index:
{card_name.index_entry(name)}
  results:
  - task:
      type: text-generation
    dataset:
      type: text
      name: {"held-out text" if dataset.split.held_out else "the corpus itself"}
      split: {"validation" if dataset.split.held_out else "train"}
    metrics:
    - type: cross_entropy
      name: nats per token
      value: {nats:.4f}
    - type: bits_per_character
      name: bits per character
      value: {bits:.4f}
"""


def _rows(plan: Plan, dataset: Dataset, parameters: int, step: int) -> str:
    model, parts, corpus = plan.model, dataset.split, dataset.corpus
    rounded = ", factors of the recurrent products rounded to bfloat16" if plan.train.precision == "bfloat16" else ""
    rows = {
        "network": f"{model.shape}; {parameters:,} parameters",
        "tokens": f"{dataset.tokenizer.size:,} ({model.tokenizer}), {model.embedding} input",
        "corpus": f"{dataset.characters:,} characters in {plural(len(corpus.documents), 'file')}",
        "fingerprint": f"SHA-256 {corpus.fingerprint()}",
        "trained on": _extent(dataset, parts.train),
        "held out": _held_out(dataset),
        "trained": f"{step:,} of {plan.total:,} steps, seed {plan.train.seed}, in float32{rounded}",
        **({"runs": f"{plan.story}; in each, the learning rate rose and fell"} if plan.earlier else {}),
    }
    return "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _extent(dataset: Dataset, texts: Streams | Lines | Sequence[str]) -> str:
    kind = "line" if dataset.mode == TextMode.LINE else "running text"
    return f"{dataset.split.characters(texts):,} characters in {plural(len(texts), kind)}"


def _held_out(dataset: Dataset) -> str:
    if not dataset.split.held_out:
        return "nothing: the corpus is too small"
    extent = _extent(dataset, dataset.split.valid)
    if dataset.valid_files:
        return f"{extent}, a separate text"
    if dataset.mode == TextMode.LINE:
        return f"{extent}, chosen by a hash of the line number"
    return f"{extent}: the last part of {'the file' if len(dataset.corpus.documents) == 1 else 'each file'}"


def _figures(dataset: Dataset, evaluation: Evaluation | None, runs: int) -> str:
    """Return the figures and the protocol of the evaluation."""
    if evaluation is None:
        return "This model was not validated: its run was stopped before the first validation."
    nats, bits = evaluation.known_nats_per_token, evaluation.bits_per_char_known
    if nats is None or bits is None:
        return "There is no figure: the held-out part has no character that the model knows."
    where = "the held-out part" if dataset.split.held_out else "the training text, since nothing is held out"
    protocol = [
        f"measured on {where}: {evaluation.known_tokens:,} tokens for {evaluation.known_characters:,} characters"
    ]
    if dataset.tokenizer.AMBIGUOUS:
        protocol.append("measured for one tokenization of the text, which gives a lower bound on its probability")
    if dataset.mode == TextMode.LINE:
        protocol.append(
            "each line is read from a zero state; its end is a token that is scored and counts as a character"
        )
    else:
        pieces = evaluation.streams or 1
        cut = pieces > len(dataset.split.valid)
        warm = f", each after the {CONTEXT_TOKENS} tokens before it, which are not scored" if cut else ""
        protocol.append(f"the text is read in {plural(pieces, 'piece')} from a zero state{warm}")
        ends = "a token that is scored" if dataset.allowed_tokens[dataset.tokenizer.EOS] else "not scored"
        protocol.append(f"the end of a text is {ends}")
    if evaluation.unknown:
        protocol.append(f"{plural(evaluation.unknown, 'unknown character')} left out")
    protocol.append("bits per character = nats / (ln 2 · characters)")
    protocol.append(f"the weights are those with the best validation of {'all runs' if runs > 1 else 'the run'}")
    listed = "".join(f"\n- {each}" for each in protocol)
    return f"**{nats:.4f} nats per token, {bits:.4f} bits per character**\n{listed}"


def _samples(samples: Sequence[str]) -> str:
    if not samples:
        return ""
    blocks = "\n\n".join(block(printable(sample, but="\n\t"), "text") for sample in samples)
    how = f"Unedited samples at temperature {PREVIEW_TEMPERATURE:g}; control characters are shown by their code."
    return f"\n## Samples\n\n{how}\n\n{blocks}\n"
