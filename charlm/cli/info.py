"""charlm info: what a model is, and what charlm runs on."""

from typing import Annotated, Any

import typer

from charlm.cli.models import find_model
from charlm.cli.options import Json, Model, Quiet
from charlm.cli.output import write, write_json
from charlm.config import ModelConfig
from charlm.interrupts import importing
from charlm.wording import figure, plural, vocabulary_size


def info(
    model: Model = None,
    system: Annotated[
        bool, typer.Option("--system", help="Show versions, device, threads and paths instead of a model.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what a model is, and how to repeat its training.

    Example: charlm info --model poems
    """
    if system:
        with importing():
            from charlm.system import describe_system

        values = describe_system()
        rows = list(values.items())
    else:
        folder = find_model(model, quiet)
        with importing():
            from charlm.checkpoints.checkpoint import describe

        values = describe(folder)
        rows = _rows(values)
    if json:
        write_json(values)
    else:
        write("".join(f"{name:<12} {value}\n" for name, value in rows))


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    shape, corpus, valid, plan = (values[part] for part in ("config", "corpus", "validation", "plan"))
    batch = f"{plan['train']['batch_size']} × {plan['train']['seq_len']} tokens"
    step = f"{values['step']:,} of {values['steps']:,}"
    characters = plural(corpus["characters"], "character")
    rows = {
        "model": values["model"],
        "cell": ModelConfig(**shape).shape,
        "embedding": shape["embedding"],
        "dropout": f"{shape['dropout']:g}",
        "tokenizer": f"{shape['tokenizer']}, {vocabulary_size(values['vocabulary_size'])}",
        "parameters": f"{values['parameters']:,}",
        "sequence": shape["sequence"],
        "corpus": f"{', '.join(corpus['files'])}: {characters}, SHA-256 {corpus['sha256']}",
        "steps": f"{f'best at {step}' if valid else f'stopped at {step}'}, {batch} each",
        **_validation(valid),
        "made by": f"charlm {values['charlm_version']}",
        **({"repeat": values["repeat"]} if valid else {}),
    }
    return list(rows.items())


def _validation(values: dict[str, Any] | None) -> dict[str, str]:
    """Return the figures of the held-out part, over the known tokens."""
    if values is None:
        return {"validation": "not validated; to continue the run, use charlm train with --resume"}
    nats, bits = (values.get(f"{name}_known", values[name]) for name in ("nats_per_token", "bits_per_char"))
    return {"held out": plural(values["tokens"], "token"), "nats/token": figure(nats), "bits/char": figure(bits)}
