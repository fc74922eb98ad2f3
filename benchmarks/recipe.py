"""Train with one change to the recipe, and evaluate the last weights and the averaged ones by both protocols.

    python benchmarks/recipe.py CORPUS 3400 learning_rate=3e-3
    python benchmarks/recipe.py CORPUS 3400 dropout=0.15 embedding_scale=0.3 seed=1

Settings are fields of ModelConfig and TrainConfig, and embedding_scale, the spread of the embedding's initial values.
"""

import sys
from dataclasses import fields, replace
from typing import Any

import torch

from charlm.config import ModelConfig, TrainConfig
from charlm.plan import Plan
from charlm.scoring.evaluation import evaluate
from charlm.tasks.text.preparation import prepare
from charlm.training.learner import Learner
from charlm.training.recipe import resolve, resolve_rates


def main() -> None:
    corpus, steps, *changes = sys.argv[1:]
    values: dict[str, Any] = {name: _number(text) for name, text in (change.split("=") for change in changes)}
    scale = values.pop("embedding_scale", 1.0)
    model, config = (
        kind(**{each.name: values[each.name] for each in fields(kind) if each.name in values})
        for kind in (ModelConfig, TrainConfig)
    )
    prepared = prepare(corpus, model, config, None)
    batches = prepared.batches(config)
    tokens = int(steps) * batches.batch_size * batches.seq_len
    model = resolve(model, batches.size, prepared.tokenizer.size, lambda size: tokens).config
    model = replace(model, sequence=prepared.mode.value, dropout=model.dropout or 0.0)
    passes = int(steps) / batches.steps_per_epoch
    config = resolve_rates(config, model, int(steps), passes)
    plan = Plan(model, config, int(steps), validations=1)
    torch.set_flush_denormal(True)
    network = prepared.network(model, torch.device("cpu"), config.seed)
    network.embedding.weight.data.mul_(scale)
    learner = Learner(network, config)
    for step in range(plan.steps):
        learner.step(batches[step], plan.learning_rate(step))
        learner.update_average(step + 1, plan.progress(step + 1))
    print(f"{' '.join(changes) or 'defaults'}: {plan.steps:,} steps, {passes:.1f} passes, nats per token held out")
    for name, kept in (("last weights", network), ("averaged", learner.averaged_network)):
        for window in (None, 256) if prepared.mode == "stream" else (None,):
            evaluations = evaluate(
                kept.eval(), prepared.tokenizer, prepared.mode, [prepared.split.valid], window=window
            )
            print(f"  {name}, window {window}: {evaluations[0].known_nats_per_token:.4f}")


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


if __name__ == "__main__":
    main()
