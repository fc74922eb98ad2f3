"""The model card: the README of a model's folder, for whoever is handed it."""

from charlm.evaluation import Evaluation
from charlm.planning import Plan
from charlm.preparation import Prepared


def model_card(name: str, plan: Plan, prepared: Prepared, parameters: int, step: int, evaluation: Evaluation) -> str:
    """Markdown; it holds no text of the corpus."""
    model, found, parts = plan.model, evaluation, prepared.parts
    bits = found.bits_per_char_known
    nats = found.known_nats_per_token
    protocol = "the held-out part" if parts.held_out else "the training text, which is too small to hold any of it out"
    return f"""# {name}

A language model trained with charlm (`charlm-rnn` on the Python package index): it gives probabilities to texts and
writes new ones.

| | |
|---|---|
| network | {model.layers} × {model.cell}, {model.hidden_size} wide; {parameters:,} parameters |
| symbols | {prepared.tokenizer.size:,} ({model.tokenizer}), {model.embedding} input |
| sequence | {model.sequence} |
| corpus | {prepared.corpus.characters:,} characters, SHA-256 {prepared.corpus.fingerprint()} |
| trained | {step:,} of {plan.total:,} steps |
| {protocol} | {found.tokens:,} tokens: {nats:.4f} nats per token, {bits or 0:.4f} bits per character |

    charlm sample --model ./{name}
    charlm score --model ./{name} "a text"

`charlm train CORPUS --plan {name}/plan.json` trains it again. `config.json`, `tokenizer.json` and
`model.safetensors` are all that a program needs to load it: plain JSON, and weights named as in torch.nn.
"""
