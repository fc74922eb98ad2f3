"""The task of a tagger: one tag for each token of a sentence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import ConfigError, CorpusError
from charlm.examples.holding_out import hold_out
from charlm.measures.naive import WordTags
from charlm.measures.schemes import Scheme, recognize
from charlm.model import BadFileError, Contents, Record, rebuilt_tokenizer
from charlm.numpy_tagger import Tagger as Program
from charlm.progress import OnProgress, ignore
from charlm.tasks import Task
from charlm.tasks._examples import ExampleSource, learned_tokenizer
from charlm.tasks._program import program
from charlm.tasks.tags.dataset import TaggedSentences, indices, sentences_of
from charlm.tasks.tags.evaluation import METRICS
from charlm.tasks.tags.rows import Integers, Row, rows_of, spells
from charlm.tasks.tags.tagger import FILE, Tagger, TagNetwork, check_tags
from charlm.tokenizers import Tokenizer
from charlm.wording import plural


class Tag(Task):
    """Learns one tag for each token of a sentence."""

    kind = "tagger"
    files = ("tokenizer.json", "tags.json")
    verb = "predict"
    figure = (("span_f1", "span F1"), ("token_accuracy", "accuracy"))
    tokenizer = "word"
    settings = ("token_column", "tag_column", "metric", "bidirectional", "features")
    input_settings = ("features",)

    @classmethod
    def read(
        cls,
        source: Any,
        valid: Any | None,
        model: ModelConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> ExampleSource:
        return ExampleSource.read(source, valid, model, tokenizer, METRICS)

    @classmethod
    def prepare(
        cls,
        source: ExampleSource,
        model: ModelConfig,
        config: TrainConfig,
        *,
        tokenizer: Tokenizer | None = None,
        on_progress: OnProgress = ignore,
    ) -> TaggedSentences:
        train, valid = (source.train, source.valid) if source.valid else hold_out(source.train, config.valid_fraction)
        sentences = sentences_of(train)
        tags = tuple(sorted({tag for each in sentences for tag in each.tags}))
        if len(tags) < 2 or not len(valid):
            few = f"{plural(len(train), 'sentence')} with {plural(len(tags), 'tag')}, {len(valid):,} held out"
            raise CorpusError(f"{few}: a tagger needs two tags, and a sentence to hold out")
        scheme = recognize([each.tags for each in sentences]).scheme
        if model.metric == "f1" and scheme is Scheme.PLAIN:
            raise ConfigError(
                "the metric f1 counts spans, and these tags mark none", remedy="leave_out", settings=["metric"]
            )
        tokenizer = tokenizer or learned_tokenizer([" ".join(each.tokens) for each in sentences], model, on_progress)
        is_spelled = spells(model)
        rows: list[Row] = []
        targets: list[Integers] = []
        for each in sentences:
            own = rows_of(tokenizer, each.tokens, spelled=is_spelled)
            rows += own
            targets += _cut(indices(each.tags, tags), own)
        return TaggedSentences(
            config=model,
            source=source,
            train=train,
            valid=valid,
            tokenizer=tokenizer,
            tags=tags,
            scheme=scheme,
            naive=WordTags.count((each.tokens, each.tags) for each in sentences),
            rows=tuple(rows),
            targets=tuple(targets),
            sha256=source.fingerprint(config.valid_fraction),
            reason=train.reason,
        )

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        return program(Program)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> Tagger:
        tokenizer = rebuilt_tokenizer(config, contents)
        tags, scheme, naive = check_tags(contents.files[FILE])
        if contents.stated.get("tags") != len(tags):
            raise BadFileError(FILE, "does not have the number of tags that config.json states")
        network = TagNetwork(config, tokenizer.size, len(tags))
        return Tagger(config, tokenizer, tags, scheme, naive, network.eval(), name=name, record=record)


def _cut(targets: Integers, rows: Sequence[Row]) -> list[Integers]:
    """Return the targets of a sentence, one array for each of its rows."""
    return np.split(targets, np.cumsum([len(row.ends) for row in rows])[:-1])
