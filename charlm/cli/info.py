"""charlm info: what a model is, and what charlm runs on."""

from typing import Annotated, Any

import typer

from charlm.checkpoints import model_paths
from charlm.cli.options import Json, Model, Quiet
from charlm.cli.output import figure, say, write, write_json
from charlm.config import ModelConfig
from charlm.interrupts import importing


def info(
    model: Model = None,
    system: Annotated[bool, typer.Option("--system", help="Versions, device, threads and paths instead.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What a model is, and how to repeat it.

    Example: charlm info --model poems
    """
    if system:
        with importing():
            from charlm.system import describe_system

        values = describe_system()
        rows = list(values.items())
    else:
        with importing():
            from charlm.checkpoints.checkpoint import describe

        folder = model_paths.existing_folder(model)
        say(f"model {folder}", quiet or model is not None)
        values = describe(folder)
        rows = _rows(values)
    if json:
        write_json(values)
    else:
        write("".join(f"{name:<12} {value}\n" for name, value in rows))


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    shape, corpus, valid, plan = (values[part] for part in ("config", "corpus", "validation", "plan"))
    batch = f"{plan['train']['batch_size']} × {plan['train']['seq_len']} symbols"
    bits = valid.get("bits_per_char_known", valid["bits_per_char"])
    rows = {
        "model": values["model"],
        "cell": ModelConfig(**shape).shape,
        "input": shape["embedding"],
        "dropout": f"{shape['dropout']:g}",
        "tokenizer": f"{shape['tokenizer']}, {values['vocabulary_size']:,} symbols",
        "parameters": f"{values['parameters']:,}",
        "sequence": shape["sequence"],
        "corpus": f"{', '.join(corpus['files'])}: {corpus['characters']:,} characters, SHA-256 {corpus['sha256']}",
        "steps": f"best at {values['step']:,} of {values['steps']:,}, {batch} each",
        "held out": f"{valid['tokens']:,} tokens",
        "nats/token": figure(valid["nats_per_token"]),
        "bits/char": figure(bits),
        "made by": f"charlm {values['charlm_version']}",
        "repeat": values["repeat"],
    }
    return list(rows.items())
