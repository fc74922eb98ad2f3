"""Targets of a model of pairs: drawn at random, and what they attend to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charlm.cli.models import say_model
from charlm.cli.output import say, write, write_json
from charlm.cli.waiting import loading
from charlm.wording import for_terminal


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
