"""What the model card of a language model says of its corpus, its figures and its samples."""

import inspect
from collections.abc import Sequence

from charlm import numpy_counts, numpy_loader
from charlm.config import ModelConfig, TextMode
from charlm.data.sequences import Lines, Streams
from charlm.files.markdown import block, printable
from charlm.language_model import PREVIEW_TEMPERATURE
from charlm.plan import Plan
from charlm.scoring.evaluation import Evaluation
from charlm.scoring.passages import CONTEXT_TOKENS
from charlm.tasks import Card
from charlm.tasks._program import program as program_of
from charlm.tasks.text.prepared import PreparedText
from charlm.wording import each_alone, plural


def card(data: PreparedText, plan: Plan, evaluation: Evaluation | None, samples: Sequence[str]) -> Card:
    """Return the parts of the card. The only text of the corpus in it is what the samples repeat."""
    model, corpus = plan.model, data.corpus
    return Card(
        pipeline="text-generation",
        purpose="This language model was trained on one corpus with charlm (`charlm-rnn` on the Python Package Index)."
        " It computes the\nprobability of a text, and generates new text token by token.",
        rows={
            "tokens": f"{data.tokenizer.size:,} ({model.tokenizer}), {model.embedding} input",
            "corpus": f"{data.characters:,} characters in {plural(len(corpus.documents), 'file')}",
            "fingerprint": f"SHA-256 {corpus.fingerprint()}",
            "trained on": _extent(data, data.split.train),
            "held out": _held_out(data),
        },
        after_table="The fingerprint covers all texts in order: the length of each in bytes (8 bytes, little-endian),"
        " then its UTF-8.",
        figures=_figures(data, evaluation, len(plan.runs())),
        results=_results(data, evaluation) if evaluation else "",
        examples=_samples(samples),
        commands=(("sample", ""), ("score", "a text")),
        python='charlm.load("folder").sample("a text")',
        program=program(model),
        limits="The model knows its corpus and nothing else. The text that it generates may be wrong, offensive, or"
        " copied from the\ncorpus: the weights contain traces of the corpus, and `tokenizer.json` contains every token"
        f" that was learned.{_of_counts(model, evaluation)}",
    )


def _of_counts(model: ModelConfig, evaluation: Evaluation | None) -> str:
    """Return what the counts beside the network reveal, and whether they answer alone; "" without counts."""
    if not model.ngram_order:
        return ""
    reveals = f"\n`counts.safetensors` contains stretches of the corpus, of up to {model.ngram_order} tokens each."
    if evaluation is None or evaluation.parts:
        return reveals
    return f"{reveals} Only the counts answer:\nno network of the run predicted better."


def program(model: ModelConfig) -> str:
    """Return Python that reads a language model with numpy alone."""
    if model.ngram_order:
        return program_of(numpy_counts.MixedModel)
    return inspect.getsource(numpy_loader).rstrip()


def _results(data: PreparedText, evaluation: Evaluation) -> str:
    """Return the figures for the Hub; an empty string if there are none."""
    nats, bits = evaluation.known_nats_per_token, evaluation.bits_per_char_known
    if nats is None or bits is None:
        return ""
    return f"""  - task:
      type: text-generation
    dataset:
      type: text
      name: {"held-out text" if data.split.held_out else "the corpus itself"}
      split: {"validation" if data.split.held_out else "train"}
    metrics:
    - type: cross_entropy
      name: nats per token
      value: {nats:.4f}
    - type: bits_per_character
      name: bits per character
      value: {bits:.4f}
"""


def _extent(data: PreparedText, texts: Streams | Lines | Sequence[str]) -> str:
    kind = "line" if data.mode == TextMode.LINE else "running text"
    return f"{data.split.characters(texts):,} characters in {plural(len(texts), kind)}"


def _held_out(data: PreparedText) -> str:
    if not data.split.held_out:
        return "nothing: the corpus is too small"
    extent = _extent(data, data.split.valid)
    if data.valid_files:
        return f"{extent}, a separate text"
    if data.mode == TextMode.LINE:
        return f"{extent}, chosen by a hash of the line number"
    return f"{extent}: the last part of {'the file' if len(data.corpus.documents) == 1 else 'each file'}"


def _figures(data: PreparedText, evaluation: Evaluation | None, runs: int) -> str:
    """Return the figures and the protocol of the evaluation."""
    if evaluation is None:
        return "This model was not validated: its run was stopped before the first validation."
    nats, bits = evaluation.known_nats_per_token, evaluation.bits_per_char_known
    if nats is None or bits is None:
        return "There is no figure: the held-out part has no character that the model knows."
    where = "the held-out part" if data.split.held_out else "the training text, since nothing is held out"
    protocol = [
        f"measured on {where}: {evaluation.known_tokens:,} tokens for {evaluation.known_characters:,} characters"
    ]
    if data.tokenizer.AMBIGUOUS:
        protocol.append("measured for one tokenization of the text, which gives a lower bound on its probability")
    if data.mode == TextMode.LINE:
        protocol.append(
            "each line is read from a zero state; its end is a token that is scored and counts as a character"
        )
    else:
        pieces = evaluation.streams or 1
        cut = pieces > len(data.split.valid)
        warm = f", each after the {CONTEXT_TOKENS} tokens before it, which are not scored" if cut else ""
        protocol.append(f"the text is read in {plural(pieces, 'piece')} from a zero state{warm}")
        ends = "a token that is scored" if data.allowed_tokens[data.tokenizer.EOS] else "not scored"
        protocol.append(f"the end of a text is {ends}")
    if evaluation.unknown:
        protocol.append(f"{plural(evaluation.unknown, 'unknown character')} left out")
    protocol.append("bits per character = nats / (ln 2 · characters)")
    protocol.append(f"the weights are those with the best validation of {'all runs' if runs > 1 else 'the run'}")
    listed = "".join(f"\n- {each}" for each in protocol)
    parts = f"\n\nBits per character of its parts: {each_alone(evaluation.parts)}." if evaluation.parts else ""
    return f"**{nats:.4f} nats per token, {bits:.4f} bits per character**{parts}\n{listed}"


def _samples(samples: Sequence[str]) -> str:
    if not samples:
        return ""
    blocks = "\n\n".join(block(printable(sample, but="\n\t"), "text") for sample in samples)
    how = f"Unedited samples at temperature {PREVIEW_TEMPERATURE:g}; control characters are shown by their code."
    return f"\n## Samples\n\n{how}\n\n{blocks}\n"
