"""Targets of a model of pairs: their probabilities, targets drawn at random, and what they attend to."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charlm.cli.examples import form_of, reads_any_bytes
from charlm.cli.models import say_model
from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading
from charlm.wording import for_terminal


def score_targets(folder: Path, name: str | None, files: Sequence[str], json: bool, quiet: bool) -> None:
    """Print log P(target | source) of each pair in files. Raises ModelError for a model of another task."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.examples.reading import read_examples
        from charlm.tasks.pairs.dataset import pairs_of
        from charlm.tasks.pairs.translator import Translator

    model = expect(load(folder), Translator)
    examples = read_examples(files, form_of(folder, model.config.task), any_bytes=reads_any_bytes(model))
    say_model(folder, name, quiet)
    for note in examples.notes:
        say(note, quiet)
    pairs = pairs_of(examples)
    logprobs = model.score((each.source, each.target) for each in pairs)
    for pair, logprob in zip(pairs, logprobs, strict=True):
        if json:
            write_json({"source": pair.source, "target": pair.target, "logprob": logprob})
        else:
            write(f"{for_terminal(pair.source)}\t{for_terminal(pair.target)}\t{logprob:.4f}\n")
    if never := len(logprobs) - sum(map(math.isfinite, logprobs)):
        say(f"{never:,} targets have a token that no training target has, so their probability is 0", quiet)


def sample_targets(
    folder: Path, name: str | None, source: str, given: Mapping[str, Any], json: bool, quiet: bool
) -> None:
    """Draw targets of a source, and print them. given: count, temperature and seed, as far as they were given."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.randomness import new_seed
        from charlm.tasks.pairs.translator import Translator

    model = expect(load(folder), Translator)
    say_model(folder, name, quiet)
    settings = {**given, "seed": given.get("seed", new_seed())}
    say(f"seed {settings['seed']}", quiet)
    for index, target in enumerate(model.sample(source, **settings)):
        if json:
            write_json({"index": index, "source": source, "text": target})
        else:
            write(f"{for_terminal(target)}\n")


def show_attention(folder: Path, name: str | None, source: str, target: str | None, json: bool, quiet: bool) -> None:
    """Show what each token of a target, or of the model's answer, attends to in its source."""
    with loading(quiet):
        from charlm.checkpoints.checkpoint import expect, load
        from charlm.cli.view.attention_map import show
        from charlm.tasks.pairs.translator import Translator

    alignment = expect(load(folder), Translator).attention(source, target)
    say_model(folder, name, quiet)
    if json:
        write_json(alignment._asdict())
    else:
        show(alignment)
