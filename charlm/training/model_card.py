"""The model card: the README of a model's folder, for people and for the Hugging Face Hub."""

from typing import Any

from charlm.checkpoints import card_name
from charlm.checkpoints.origin import in_words
from charlm.files.markdown import block, printable
from charlm.plan import Plan
from charlm.tasks import Card, Dataset, declared
from charlm.training.best import Best


def model_card(name: str, plan: Plan, dataset: Dataset, parameters: int, best: Best, origin: Any = None) -> str:
    """Write the card: YAML for the Hub, then Markdown.

    origin: the model that the network started from, as config.json describes it.
    """
    card = dataset.card(plan, best.metrics, best.previews)
    own = declared()[plan.model.task]["files"][0]
    return f"""{_front_matter(name, plan, card)}
{card_name.heading(name)}

{card.purpose}

| | |
|---|---|
{_rows(plan, card, parameters, best.step, origin)}

{card.after_table}

## How well it predicts

{card.figures}
{card.examples}
## With charlm

```sh
# run these commands in this folder
{_commands(card)}
# what the model is, and the command that repeats its training
charlm info --model ./
```

In Python: `{card.python}`.

## Without charlm

`config.json` and `{own}` are plain JSON. `model.safetensors` contains the weights under the names of torch.nn.
{_program(card)}
## Limits

{card.limits}
"""


def _program(card: Card) -> str:
    return f"This program reads them with numpy:\n\n{block(card.program, 'python')}\n" if card.program else ""


def _commands(card: Card) -> str:
    arguments = ((verb, f' "{argument}"' if argument else "") for verb, argument in card.commands)
    return "\n".join(f"charlm {verb} --model ./{argument}" for verb, argument in arguments)


def _front_matter(name: str, plan: Plan, card: Card) -> str:
    """Return the YAML of the Hub; https://github.com/huggingface/hub-docs/blob/main/modelcard.md defines the fields."""
    results = f"model-index:\n{card_name.index_entry(name)}\n  results:\n{card.results}" if card.results else ""
    return f"""---
library_name: charlm
pipeline_tag: {card.pipeline}
tags:
- recurrent-neural-network
- {plan.model.cell}
{results}---
"""


def _rows(plan: Plan, card: Card, parameters: int, step: int, origin: Any) -> str:
    rounded = ", factors of the recurrent products rounded to bfloat16" if plan.train.precision == "bfloat16" else ""
    local = plan.train.sync_every
    rows = {
        "network": f"{plan.model.shape}; {parameters:,} parameters",
        **card.rows,
        **({"started from": printable(in_words(origin)).replace("|", "\\|")} if origin else {}),
        "trained": f"{step:,} of {plan.total:,} steps, seed {plan.train.seed}, in float32{rounded}",
        **({"processes": f"took the mean of their weights after every {local} steps"} if local > 1 else {}),
        **({"runs": f"{plan.story}; in each, the learning rate rose and fell"} if plan.earlier else {}),
    }
    return "\n".join(f"| {name} | {value} |" for name, value in rows.items())
