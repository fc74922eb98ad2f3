"""Pairs made ready for a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from charlm import numpy_translator
from charlm.config import ModelConfig, TrainConfig
from charlm.examples import Pair
from charlm.examples.reading import Examples
from charlm.measures.texts import TextMeasures
from charlm.model import Contents, Record
from charlm.plan import Plan
from charlm.settings import from_mapping
from charlm.tasks import Card, MapRows, Metrics, Unit, map_alone
from charlm.tasks._examples import ExampleDataset
from charlm.tasks._program import program
from charlm.tasks.pairs.evaluation import PairEvaluation, symbols
from charlm.tasks.pairs.network import PairNetwork
from charlm.tasks.pairs.rows import LONGEST_SOURCE, PairBatches, Row
from charlm.tasks.pairs.translator import Facts, Translator, pair_contents
from charlm.wording import plural, quoted

_PREVIEWS, _PREVIEW_LENGTH = 3, 60  # number of examples, and characters of each
_DECODED = 300  # sources that a validation answers
_DROPOUT = 0.3
_UNIT = Unit("token", "", "", "exact match", 1.0, "pairs", "pairs/s", 1.0)


class HeldOut(NamedTuple):
    """A pair that is held out."""

    source: str
    target: str
    row: Row


@dataclass(frozen=True, kw_only=True)
class Pairs(ExampleDataset):
    """Sources with their targets, as rows of token ids."""

    noun = "pair"

    facts: Facts
    rows: tuple[Row, ...]  # of the training part

    @property
    def metric(self) -> str:
        """What the best network is chosen by: exact matches, unless a source has many targets."""
        return self.config.metric or ("nats" if self.facts.classes else "exact_match")

    @property
    def unit(self) -> Unit:
        return _UNIT._replace(headline="nats/token") if self.metric == "nats" else _UNIT

    @cached_property
    def validation(self) -> Sequence[HeldOut]:
        """Each pair that is held out."""
        return tuple(
            HeldOut(each.source, each.target, self.facts.row(self.tokenizer, each.source, each.target))
            for each in pairs_of(self.valid)
        )

    @property
    def validation_size(self) -> int:
        return len(self.valid)

    def first_examples(self, size: int) -> tuple[Sequence[HeldOut], int]:
        some = self.validation[: max(1, size // 20)]
        return some, len(some)

    @property
    def blind_guess(self) -> float:
        return float(np.log(self._predictable().sum()))

    def complete(self, model: ModelConfig) -> ModelConfig:
        attends = model.attention is not False
        return replace(
            model,
            sequence="line",
            attention=attends,
            bidirectional=attends and model.bidirectional is not False,
            metric=self.metric,
            dropout=_DROPOUT if model.dropout is None else model.dropout,
        )

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> PairBatches:
        return PairBatches(self.rows, config.batch_size, config.seed, rows)

    def shape(self, model: ModelConfig) -> PairNetwork:
        return PairNetwork(model, self.tokenizer.size)

    def network(self, model: ModelConfig, device: torch.device, seed: int) -> PairNetwork:
        network: PairNetwork = super().network(model, device, seed)
        network.predictable.copy_(torch.from_numpy(self._predictable()))
        network.ratio.fill_(sum(len(row.targets) for row in self.rows) / sum(row.source for row in self.rows))
        return network

    def _predictable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        known = np.zeros(self.tokenizer.size, dtype=np.bool_)
        for row in self.rows:
            known[row.targets] = True
        return known

    def evaluate(self, network: Any, examples: Sequence[HeldOut], map_rows: MapRows = map_alone) -> PairEvaluation:
        """Evaluate pairs; the first sources are also answered, each token the likeliest one."""
        rows = [each.row for each in examples]
        logprobs = map_rows(rows, network.target_logprobs, [len(row.targets) for row in rows])
        known = self._predictable()
        values = np.concatenate(
            [np.asarray(each)[known[row.targets]] for each, row in zip(logprobs, rows, strict=True)]
        )
        targets: dict[str, list[str]] = {}
        for each in [] if self.metric == "nats" else examples:
            if each.source in targets or len(targets) < _DECODED:
                targets.setdefault(each.source, []).append(each.target)
        answers = self.model(self.config, network, name="", record=None).predict(targets, beam=1)
        measures = TextMeasures(
            [each.target for each in answers], list(targets.values()), lambda text: symbols(text, self.facts.spaced)
        )
        edits, count = measures.edits if targets else (0, 0)
        return PairEvaluation(
            examples=len(examples),
            nats=-float(values.sum()),
            tokens=len(values),
            decoded=len(targets),
            exact=measures.exact,
            edits=edits,
            symbols=count,
            cut=sum(each.cut for each in answers),
            metric=self.metric,
        )

    def metrics_from(self, values: object) -> PairEvaluation:
        return from_mapping(PairEvaluation, values, "best")

    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show the answers to the first sources that are held out, beside the truth; a class has no single truth."""
        some = self.validation[:_PREVIEWS]
        asked = self.model(model, network.eval(), name="", record=None)
        if self.facts.classes:
            classes = list(dict.fromkeys(each.source for each in self.validation))[:_PREVIEWS]
            return tuple(f"{each}: {asked.sample(each, seed=seed)[0][:_PREVIEW_LENGTH]}" for each in classes)
        answers = asked.predict([each.source for each in some], beam=1)
        if not all(np.isfinite(answer.logprob) for answer in answers):
            return ()
        return tuple(
            f"{each.source[:_PREVIEW_LENGTH]} → {answer.target[:_PREVIEW_LENGTH]}"
            + ("" if answer.target == each.target else f" (truth {each.target[:_PREVIEW_LENGTH]})")
            for answer, each in zip(answers, some, strict=True)
        )

    @property
    def kinds(self) -> str:
        few = self.facts.classes
        tokens = ", one for each symbol of a target" if self.facts.symbols is not None else ""
        return tokens + (f", {plural(len(few), 'source')} with many targets each" if few else "")

    def warnings(self) -> Iterator[str]:
        yield from [] if self.facts.classes else self.repeated_in_training("source")
        known = self._predictable()
        new = [
            pair
            for pair, held in zip(pairs_of(self.valid), self.validation, strict=True)
            if not known[held.row.targets].all()
        ]
        if new:
            have = f"{plural(len(new), 'held-out target')} {'has' if len(new) == 1 else 'have'} a token"
            first = f"{quoted(new[0].target, 40)} in {new[0].where} is the first"
            yield f"{have} that no training target has, so it cannot be answered; {first}"
        if long := sum(max(row.source, len(row.targets)) > LONGEST_SOURCE for row in self.rows):
            first = f"the first {LONGEST_SOURCE:,} tokens of a text are read, and not the rest"
            yield f"of {plural(long, 'pair')}, {first}"

    @property
    def characters(self) -> int:
        return sum(len(each.source) + len(each.target) for each in pairs_of(self.source.train))

    def contents(self) -> Contents:
        return pair_contents(self.tokenizer, self.facts)

    def model(self, model: ModelConfig, network: Any, *, name: str, record: Record | None) -> Translator:
        return Translator(model, self.tokenizer, self.facts, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        return Card(
            pipeline="text2text-generation",
            purpose="This model was trained on pairs of a source and a target with charlm (`charlm-rnn` on the Python"
            " Package Index).",
            rows={
                "tokens": f"{self.tokenizer.size:,} ({plan.model.tokenizer}), {plan.model.embedding} input",
                **self.facts_of_card,
            },
            after_table="The fingerprint covers all examples in order.",
            figures=metrics.sentence if metrics else "This model was not validated: its run was stopped before that.",
            results="",
            examples="",
            commands=(("predict", "a source"),),
            python='charlm.load("folder").predict(["a source"])',
            program=program(numpy_translator.Translator),
            limits="The model knows its training pairs and nothing else. Its answers may be wrong, also where they look"
            " right.",
        )


def pairs_of(examples: Examples) -> list[Pair]:
    """Return the pairs."""
    return [each for each in examples.items if isinstance(each, Pair)]
