"""The task of pairs: a source text in, a target text out."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from charlm.config import ModelConfig, TrainConfig
from charlm.errors import CorpusError
from charlm.examples import Labeled, Pair
from charlm.examples.holding_out import hold_out
from charlm.examples.reading import Examples
from charlm.measures.naive import majority
from charlm.model import Contents, Record, rebuilt_tokenizer
from charlm.numpy_translator import Translator as Program
from charlm.progress import OnProgress, ignore
from charlm.registry import find
from charlm.tasks import Task
from charlm.tasks._examples import ExampleSource, learned_tokenizer
from charlm.tasks._program import program
from charlm.tasks.pairs.dataset import Pairs, pairs_of
from charlm.tasks.pairs.evaluation import METRICS
from charlm.tasks.pairs.network import PairNetwork
from charlm.tasks.pairs.rows import Row, row_of
from charlm.tasks.pairs.symbols import find_symbols, packed
from charlm.tasks.pairs.translator import FILE, LONGEST_CLASS, MOST_CLASSES, Facts, Translator, check_facts
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

_MANY = 5  # targets of each source, on average, where the sources are classes


class PairTask(Task):
    """Learns the target of a source."""

    kind = "translator"
    files = ("tokenizer.json", "pairs.json")
    verb = "predict"
    figure = (("exact_match", "exact match"), ("nats_per_token", "nats/token"))
    settings = ("source_column", "target_column", "metric", "bidirectional", "attention")

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
    ) -> Pairs:
        classes = _classes(pairs_of(source.train))
        if source.valid:
            train, valid = source.train, source.valid
        else:
            train, valid = (_by_class if classes else hold_out)(source.train, config.valid_fraction)
        pairs = pairs_of(train)
        if not len(pairs) or not len(valid):
            few = f"{plural(len(pairs), 'pair')}, {len(valid):,} held out"
            raise CorpusError(f"{few}: a model of pairs needs one to learn, and one to hold out")
        symbols = _symbols(pairs, tokenizer or find(Tokenizer, model.tokenizer))
        targets = [each.target if symbols is None else packed(each.target, symbols) for each in pairs]
        if symbols is not None and tokenizer and any(map(tokenizer.first_unknown, targets)):
            symbols, targets = None, [each.target for each in pairs]
        if not tokenizer:
            tokenizer = learned_tokenizer([*(each.source for each in pairs), *targets], model, on_progress)
        rows = tuple(row_of(tokenizer, each.source, target) for each, target in zip(pairs, targets, strict=True))
        return Pairs(
            config=model,
            source=source,
            train=train,
            valid=valid,
            tokenizer=tokenizer,
            facts=_facts(pairs, rows, _classes(pairs) if classes else {}, symbols),
            rows=rows,
            sha256=source.fingerprint(config.valid_fraction),
            reason=train.reason,
        )

    @classmethod
    def program(cls, config: ModelConfig) -> str:
        return program(Program)

    @classmethod
    def empty_model(
        cls, config: ModelConfig, contents: Contents, *, name: str = "", record: Record | None = None
    ) -> Translator:
        tokenizer = rebuilt_tokenizer(config, contents)
        facts = check_facts(contents.files[FILE])
        network = PairNetwork(config, tokenizer.size)
        return Translator(config, tokenizer, facts, network.eval(), name=name, record=record)


def _classes(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the sources, each with the number of its targets, if they are few and repeat; otherwise nothing."""
    counts = Counter(each.source for each in pairs)
    few = 2 <= len(counts) <= MOST_CLASSES and len(pairs) >= _MANY * len(counts)
    return dict(sorted(counts.items())) if few else {}


def _by_class(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """Hold out some of the targets of each source."""
    labeled = tuple(Labeled(each.target, (each.source,), each.where) for each in pairs_of(examples))
    parts = hold_out(replace(examples, items=labeled), fraction)
    train, valid = (
        replace(
            part,
            items=tuple(
                Pair(each.labels[0], each.text, each.where) for each in part.items if isinstance(each, Labeled)
            ),
        )
        for part in parts
    )
    return train, valid


def _facts(
    pairs: Sequence[Pair], rows: Sequence[Row], classes: dict[str, int], symbols: tuple[str, ...] | None
) -> Facts:
    return Facts(
        per_token=max(len(row.targets) / row.source for row in rows),
        empty=any(len(row.targets) == 1 for row in rows),
        spaced=2 * sum(" " in each.target for each in pairs) > len(pairs),
        classes=classes,
        frequent=_frequent(pairs, classes),
        symbols=symbols,
    )


def _symbols(pairs: Sequence[Pair], tokenizer: Tokenizer | type[Tokenizer]) -> tuple[str, ...] | None:
    """Return the symbols of targets if a tokenizer of characters can read each as a token; otherwise None."""
    if not tokenizer.NEEDS_SPACES or tokenizer.READS_ANY_BYTES:
        return None
    return find_symbols([each.target for each in pairs])


def _frequent(pairs: Sequence[Pair], classes: Collection[str]) -> dict[str, str]:
    """Return the most frequent target of each class, the first one of several."""
    targets: dict[str, Counter[str]] = {each: Counter() for each in classes}
    for each in pairs:
        if each.source in targets and len(each.target) <= LONGEST_CLASS:
            targets[each.source][each.target] += 1
    return {source: majority(counts.elements()) for source, counts in targets.items() if counts}
