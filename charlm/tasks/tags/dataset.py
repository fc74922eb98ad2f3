"""Tagged sentences made ready for a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from charlm import numpy_tagger
from charlm.config import ModelConfig, TrainConfig
from charlm.examples import Tagged
from charlm.examples.reading import Examples
from charlm.measures.naive import WordTags
from charlm.measures.schemes import Scheme
from charlm.model import Contents, Record
from charlm.plan import Plan
from charlm.settings import from_mapping
from charlm.tasks import Card, MapRows, Metrics, Unit, map_alone
from charlm.tasks._examples import ExampleDataset
from charlm.tasks._program import program
from charlm.tasks.tags.evaluation import TagEvaluation, default_metric, evaluation_of
from charlm.tasks.tags.rows import NO_TAG, Integers, Row, TagBatches, rows_of, spells
from charlm.tasks.tags.tagger import Tagger, TagNetwork, tag_contents, tags_of
from charlm.wording import plural, quoted

_PREVIEWS, _PREVIEW_TOKENS = 3, 12  # number of sentences, and tokens of each
_DROPOUT = 0.5  # the best of 0.2 and 0.5 on the slots of ATIS, by 0.4 points of F1
_UNIT = Unit("tag", "", "", "accuracy", 1.0, "tokens", "tokens/s", 1.0)


class HeldOut(NamedTuple):
    """A sentence that is held out, with the tags of its tokens, and its rows."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class TaggedSentences(ExampleDataset):
    """Sentences with a tag for each token, as rows of token ids."""

    noun = "sentence"

    tags: tuple[str, ...]
    scheme: Scheme
    naive: WordTags  # the most frequent tag of each word of the training part
    rows: tuple[Row, ...]  # of the training part
    targets: tuple[Integers, ...]  # the index of each tag in a row

    @property
    def unit(self) -> Unit:
        return _UNIT if self.scheme is Scheme.PLAIN else _UNIT._replace(headline="span F1")

    @cached_property
    def validation(self) -> Sequence[HeldOut]:
        return tuple(
            HeldOut(each.tokens, each.tags, tuple(rows_of(self.tokenizer, each.tokens, spelled=spells(self.config))))
            for each in sentences_of(self.valid)
        )

    @property
    def validation_size(self) -> int:
        return sum(len(each.tokens) for each in self.validation)

    def first_examples(self, size: int) -> tuple[Sequence[HeldOut], int]:
        some = self.validation[: max(1, size // 20)]
        return some, sum(len(each.tokens) for each in some)

    @property
    def blind_guess(self) -> float:
        return float(np.log(len(self.tags)))

    def complete(self, model: ModelConfig) -> ModelConfig:
        return replace(
            model,
            sequence="line",
            bidirectional=model.bidirectional is not False,
            metric=model.metric or default_metric(self.scheme),
            features="ngrams" if spells(model) else "none",
            dropout=_DROPOUT if model.dropout is None else model.dropout,
        )

    def batches(self, config: TrainConfig, rows: Callable[[int], slice] = slice) -> TagBatches:
        return TagBatches(self.rows, self.targets, config.batch_size, config.seed, rows)

    def shape(self, model: ModelConfig) -> TagNetwork:
        return TagNetwork(model, self.tokenizer.size, len(self.tags))

    def evaluate(self, network: Any, examples: Sequence[HeldOut], map_rows: MapRows = map_alone) -> TagEvaluation:
        """Evaluate sentences with their tags."""
        rows, width = [row for each in examples for row in each.rows], len(self.tags)
        results = iter(map_rows(rows, network.log_probabilities, [len(row.ends) * width for row in rows]))
        number = {tag: index for index, tag in enumerate(self.tags)}
        predicted, nats, known = [], 0.0, 0
        for each in examples:
            logprobs = np.concatenate([next(results) for _ in each.rows]).reshape(-1, width)
            predicted.append(tags_of(self.tags, self.scheme, logprobs))
            targets = [(word, number[tag]) for word, tag in enumerate(each.tags) if tag in number]
            nats -= float(sum(logprobs[target] for target in targets))
            known += len(targets)
        truth, naive = [each.tags for each in examples], [self.naive.tag(each.tokens) for each in examples]
        return evaluation_of(truth, predicted, naive, self.scheme, nats, known, self.config.metric)

    def metrics_from(self, values: object) -> TagEvaluation:
        return from_mapping(TagEvaluation, values, "best")

    def previews(self, model: ModelConfig, network: Any, seed: int) -> tuple[str, ...]:
        """Show the tags of the first sentences that are held out, beside the truth where they differ."""
        some = self.validation[:_PREVIEWS]
        answers = self.model(model, network.eval(), name="", record=None).predict([each.tokens for each in some])
        if not all(np.isfinite(answer.probabilities).all() for answer in answers):
            return ()
        return tuple(
            " ".join(map(_beside, each.tokens[:_PREVIEW_TOKENS], answer.tags, each.tags))
            for answer, each in zip(answers, some, strict=True)
        )

    @property
    def kinds(self) -> str:
        scheme = "" if self.scheme is Scheme.PLAIN else f" in the scheme {self.scheme}"
        return f", {plural(len(self.tags), 'tag')}{scheme}"

    def warnings(self) -> Iterator[str]:
        yield from self.repeated_in_training("sentence")
        yield from unknown_tags(self.valid, self.tags, "no training sentence has")

    @property
    def characters(self) -> int:
        return sum(len(" ".join(each.tokens)) for each in sentences_of(self.source.train))

    def contents(self) -> Contents:
        return tag_contents(self.tokenizer, self.tags, self.scheme, self.naive)

    def model(self, model: ModelConfig, network: Any, *, name: str, record: Record | None) -> Tagger:
        return Tagger(model, self.tokenizer, self.tags, self.scheme, self.naive, network, name=name, record=record)

    def card(self, plan: Plan, metrics: Metrics | None, previews: Sequence[str]) -> Card:
        return Card(
            pipeline="token-classification",
            purpose="This tagger was trained on tagged sentences with charlm (`charlm-rnn` on the Python Package"
            " Index).",
            rows={
                "tokens": f"{self.tokenizer.size:,} ({plan.model.tokenizer}), {plan.model.embedding} input",
                "tags": f"{len(self.tags):,}, scheme {self.scheme}",
                **self.facts_of_card,
            },
            after_table="The fingerprint covers all examples in order.",
            figures=metrics.sentence if metrics else "This model was not validated: its run was stopped before that.",
            results="",
            examples="",
            commands=(("predict", "a sentence"),),
            python='charlm.load("folder").predict(["a sentence"])',
            program=program(numpy_tagger.Tagger),
            limits="The model knows its training sentences and nothing else. It gives each token one of its tags.",
        )


def sentences_of(examples: Examples) -> list[Tagged]:
    """Return the sentences."""
    return [each for each in examples.items if isinstance(each, Tagged)]


def unknown_tags(examples: Examples, tags: Sequence[str], which: str) -> list[str]:
    """Say which tags occur beside those known, and where the first one is; `which` ends "a tag that …"."""
    new = [(tag, each) for each in sentences_of(examples) for tag in each.tags if tag not in tags]
    if not new:
        return []
    tag, first = new[0]
    return [f"{plural(len(new), 'token')} with a tag that {which}; {quoted(tag, 40)} in {first.where} is the first"]


def indices(tags: Sequence[str], known: Sequence[str]) -> Integers:
    """Return the index of each tag; NO_TAG for one that is not known."""
    number = {tag: index for index, tag in enumerate(known)}
    return np.array([number.get(tag, NO_TAG) for tag in tags], dtype=np.int64)


def _beside(token: str, answer: str, truth: str) -> str:
    return f"{token}/{answer}" if answer == truth else f"{token}/{answer} (truth {truth})"
