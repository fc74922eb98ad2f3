"""A page to write with: one file with the network in it, which loads nothing and works offline.

Its parts are in `writing/`: a cell, a readout, or a tokenizer that has a file of its name there can be shown.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charlm.config import TextMode
from charlm.errors import ConfigError
from charlm.files.rounding import rounded
from charlm.language_model import LanguageModel
from charlm.markup import safe
from charlm.registry import name_of
from charlm.scoring.heat import COLORS, level_legend, level_rules
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

_FOLDER = Path(__file__).parent / "writing"
_ALONE = "the network of the model without its counts of n-grams"
_SCRIPTS = ("network.js", "sampler.js", "reader.js")  # before the variants; `page.js` comes after them
_TYPES = {torch.float32: "F32", torch.int8: "I8", torch.bool: "BOOL", torch.int32: "I32"}


def page(model: LanguageModel, rounding: str = "float32", note: str = "") -> str:
    """Return the page for a language model, whose weights may be rounded to int8.

    note: a sentence on the model, for the heading. Counts beside the network stay out, which the heading says.

    Raises ConfigError for a network that the page cannot compute.
    """
    if model.config.ngram_order:
        model, note = model.without_counts(), f"{note}; {_ALONE}" if note else _ALONE
    script = _script(model)
    style = _read("page.css") + level_rules("b.s") + _bars()
    shape = f"{model.config.brief_shape}, {plural(model.network.parameter_count(), 'parameter')}"
    about = f"{shape}, {plural(model.tokenizer.size, 'token')}{f'. {note}' if note else ''}"
    fields = {"title": safe(model.name or "charlm"), "about": safe(about), "legend": level_legend(), "text": ""}
    tensors, weights = _packed(rounded(model.network.state_dict(), rounding))
    described = {"config": _config(model), "rules": model.tokenizer.rules(), "tensors": tensors}
    body = _read("body.html")
    for name, value in fields.items():
        body = body.replace(f"{{{name}}}", value)
    policy = (
        f"default-src 'none'; connect-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{fields["title"]}: charlm</title>
<style>{style}</style>
</head>
<body>
{body}<script type="application/json" id="model">{_inert(described)}</script>
<script type="text/plain" id="weights">{weights}</script>
<script>{script}</script>
</body>
</html>
"""


def _script(model: LanguageModel) -> str:
    """Return the JavaScript for a model. Raises ConfigError, which names the part that has none."""
    parts = {
        "cells": ("cell", model.config.cell),
        "readouts": ("readout", name_of(model.network.readout)),
        "tokenizers": ("tokenizer", model.config.tokenizer),
    }
    files = []
    for folder, (kind, name) in parts.items():
        if not (_FOLDER / folder / f"{name}.js").is_file():
            known = ", ".join(sorted(path.stem for path in (_FOLDER / folder).iterdir()))
            raise ConfigError(f"a page in JavaScript cannot compute the {kind} {name} of this model; it has {known}")
        files.append(f"{folder}/{name}.js")
    return f'"use strict";\n{{\n{"".join(map(_read, (*_SCRIPTS, *files, "page.js")))}}}\n'


def _config(model: LanguageModel) -> dict[str, Any]:
    config, network = model.config, model.network
    allowed = network.allowed_tokens
    return {
        "size": model.tokenizer.size,
        "cell": config.cell,
        "activation": config.activation,
        "hidden": config.hidden_size,
        "layers": config.layers,
        "residual": config.residual,
        "scale": getattr(network.embedding, "scale", 1.0),
        "readout": name_of(network.readout),
        "tied": config.tie_weights,
        "tokenizer": config.tokenizer,
        "lines": model.mode == TextMode.LINE,
        "leavesOut": bool(allowed[Tokenizer.UNK]) and int(allowed.sum()) > 1,  # <UNK> stands for text that has no token
    }


def _packed(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Any], str]:
    """Return a description of the tensors, and their bytes in base64."""
    described, parts, offset = dict[str, Any](), [], 0
    for name, each in tensors.items():
        tensor = each.detach().cpu()
        tensor = tensor.to(torch.int32) if tensor.dtype == torch.long else tensor
        data = np.asarray(tensor.contiguous().numpy(), order="C").tobytes()
        described[name] = {
            "type": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "start": offset,
            "end": offset + len(data),
        }
        parts.append(data)
        offset += len(data)
    return described, base64.b64encode(b"".join(parts)).decode()


def _inert(values: Any) -> str:
    """Return JSON in which no text can end the element that holds it."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def _bars() -> str:
    return "".join(f"b.s{each} {{ border-bottom: {each}px solid #d00 }}\n" for each in range(1, len(COLORS)))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
