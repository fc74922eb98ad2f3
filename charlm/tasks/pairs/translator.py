"""A trained model of pairs, and what can be asked of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from charlm.config import ModelConfig
from charlm.errors import ConfigError
from charlm.model import BadFileError, Contents, Model, Record, text_contents
from charlm.settings import check_count, check_range
from charlm.tasks.pairs.decoding import Target, drawn, likeliest
from charlm.tasks.pairs.network import PairNetwork
from charlm.tasks.pairs.rows import LONGEST_SOURCE, Row, row_of, source_ids
from charlm.tasks.pairs.symbols import LONGEST_SYMBOL, MOST_SYMBOLS, packed, unpacked
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

FILE = "pairs.json"
BEAM = 4
MOST_CLASSES = 200
LONGEST_CLASS = 1000  # characters of a class, and of its most frequent target
MOST_PER_TOKEN = LONGEST_SOURCE + 1.0


class Facts(NamedTuple):
    """What is known of the targets of the training part.

    per_token: the tokens of the longest target, with EOS, per token of its source with START. empty: whether a target
    has no token. spaced: whether most targets consist of symbols with spaces between them. classes: the sources, each
    with the number of its targets, if there are few; otherwise empty. frequent: the most frequent target of each class.
    symbols: the symbols of several characters if each symbol of a target is a token; otherwise None. Models made before
    0.3 have neither `frequent` nor `symbols`.
    """

    per_token: float
    empty: bool
    spaced: bool
    classes: Mapping[str, int]
    frequent: Mapping[str, str] = MappingProxyType({})
    symbols: tuple[str, ...] | None = None

    def row(self, tokenizer: Tokenizer, source: str, target: str) -> Row:
        """Return a pair as token ids."""
        return row_of(tokenizer, source, target if self.symbols is None else packed(target, self.symbols))

    def text(self, decoded: str) -> str:
        """Return the target that the text of its tokens stands for."""
        return decoded if self.symbols is None else unpacked(decoded, self.symbols)

    def limit(self, tokens: int) -> int:
        """Return how many tokens a target has at most, from those of its source with START."""
        return min(LONGEST_SOURCE, math.ceil(self.per_token * tokens))


class Translation(NamedTuple):
    """An answer: the likeliest target of the search, its log P (nats), and the best targets, this one first.

    cut: whether the target ends only because it has the greatest length.
    """

    target: str
    logprob: float
    n_best: tuple[tuple[str, float], ...]
    cut: bool


class Alignment(NamedTuple):
    """How much each token of a target attends to each token of its source.

    source: tokens, the first is START. target: tokens, the last is EOS. None is a control token. weights: a row for
    each token of the target; its weights sum to 1.
    """

    source: list[str | None]
    target: list[str | None]
    weights: list[list[float]]


@dataclass(frozen=True, repr=False)
class Translator(Model):
    """A trained network that answers a source with a target.

    config: the shape of the network.
    tokenizer: maps sources and targets to token ids.
    facts: what is known of the targets of the training part.
    network: a torch module.
    name: the name of its folder, or of its data if it was trained without a folder.
    record: how the model was trained, which `save` writes.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    facts: Facts
    network: PairNetwork
    name: str = ""
    record: Record | None = None

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""  # without characters that control a terminal
        parameters = plural(self.network.parameter_count(), "parameter")
        return f"<Translator{name}: {self.config.brief_shape}, {parameters}>"

    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""
        return pair_contents(self.tokenizer, self.facts)

    def predict(
        self, sources: Iterable[str], *, beam: int = BEAM, n_best: int = 1, length_penalty: float = 0.0
    ) -> list[Translation]:
        """Return the likeliest target of each source, in order, by beam search; a beam of 1 is greedy.

        n_best: how many targets an answer has at most, no more than `beam`. length_penalty: compare targets by log P
        divided by their length to this power; 0 compares log P.
        """
        check_count("beam", beam, 1, 1000)
        check_count("n_best", n_best, 1)
        check_range("length_penalty", length_penalty, 0, 10)
        if n_best > beam:
            raise ConfigError(
                f"n_best is {n_best}, but a beam of {beam} finds no more than {beam} targets; give a larger beam"
            )
        targets = likeliest(
            self.network.eval(),
            [source_ids(self.tokenizer, each) for each in sources],
            self.facts.limit,
            beam=beam,
            may_be_empty=self.facts.empty,
            length_penalty=length_penalty,
        )
        return [self._answer(each[:n_best]) for each in targets]

    def score(self, pairs: Iterable[tuple[str, str]]) -> list[float]:
        """Return log P(target | source) of each pair, in nats; -inf for a target with a token that none had."""
        rows = [self.facts.row(self.tokenizer, *pair) for pair in pairs]
        return [float(each.sum()) for each in self.network.eval().target_logprobs(rows)]

    def sample(self, source: str, *, count: int = 1, temperature: float = 1.0, seed: int = 0) -> list[str]:
        """Draw targets of a source from P(target | source). None is empty, unless a training target is."""
        check_count("count", count, 1, 100_000)
        check_range("temperature", temperature, 0, 100)
        ids = source_ids(self.tokenizer, source)
        limit = self.facts.limit(len(ids))
        targets = drawn(
            self.network.eval(),
            ids,
            limit,
            count=count,
            temperature=temperature,
            seed=seed,
            may_be_empty=self.facts.empty,
        )
        return [self._text(each) for each in targets]

    def attention(self, source: str, target: str | None = None) -> Alignment:
        """Return the attention of each token of a target, or of the answer of `predict`, to the tokens of its source.

        Raises ConfigError for a model without attention.
        """
        target = self.predict([source])[0].target if target is None else target
        row = self.facts.row(self.tokenizer, source, target)
        weights = self.network.eval().attended(row)
        read, wanted = (self.tokenizer.token_texts(each) for each in (row.ids[: row.source], row.targets))
        shown = [None if each is None else self.facts.text(each) for each in wanted]
        return Alignment(read, shown, weights.tolist())

    def by_bayes(self, texts: Iterable[str]) -> list[dict[str, float]]:
        """Return P(source | text) of each text, the likeliest source first, for a model whose sources are few.

        By Bayes' rule, it is proportional to P(text | source) P(source). Raises ConfigError if the sources are many.
        """
        classes, texts = self.facts.classes, list(texts)
        if not classes:
            raise ConfigError(f"the sources of {self.name or 'this model'} are not a few classes")
        logprobs = np.array(self.score((each, text) for text in texts for each in classes)).reshape(-1, len(classes))
        joint = logprobs + np.log(np.array(list(classes.values()), dtype=np.float64))
        answers = []
        for row in joint:
            best = row.max()
            shares = np.exp(row - best) if np.isfinite(best) else np.array(list(classes.values()), dtype=np.float64)
            shares /= shares.sum()
            order = np.argsort(-shares, kind="stable")
            names = list(classes)
            answers.append({names[index]: float(shares[index]) for index in order})
        return answers

    def _answer(self, targets: Sequence[Target]) -> Translation:
        n_best = tuple((self._text(each), each.logprob) for each in targets)
        return Translation(*n_best[0], n_best, targets[0].cut)

    def _text(self, target: Target) -> str:
        return self.facts.text(self.tokenizer.decode(np.array(target.ids, dtype=np.int32)))


def pair_contents(tokenizer: Tokenizer, facts: Facts) -> Contents:
    """Return what the folder of a model of pairs has of its task."""
    stated, files = text_contents(tokenizer)
    classes = {"classes": dict(facts.classes), "frequent": dict(facts.frequent)}
    return Contents(stated, {**files, FILE: {**facts._asdict(), **classes}})


def check_facts(values: Any) -> Facts:
    """Return what a pairs.json says. Raises BadFileError for anything else."""
    if not isinstance(values, dict) or {*values, *Facts._field_defaults} != set(Facts._fields):
        raise BadFileError(FILE, "does not describe targets")
    values = {**Facts._field_defaults, **values}
    per_token, classes = values["per_token"], values["classes"]
    if type(per_token) not in (int, float) or not 0 < per_token <= MOST_PER_TOKEN:
        raise BadFileError(FILE, "has an impossible length of targets")
    if type(values["empty"]) is not bool or type(values["spaced"]) is not bool:
        raise BadFileError(FILE, "does not describe targets")
    known = isinstance(classes, dict) and len(classes) <= MOST_CLASSES
    if not known or any(type(each) is not int or each < 1 for each in classes.values()):
        raise BadFileError(FILE, f"has classes that are not at most {MOST_CLASSES} texts with a number each")
    if any(len(each) > LONGEST_CLASS for each in classes):
        raise BadFileError(FILE, f"has a class of more than {LONGEST_CLASS:,} characters")
    frequent = values["frequent"]
    if not isinstance(frequent, Mapping) or not set(frequent) <= set(classes):
        raise BadFileError(FILE, "has a most frequent target of no class")
    if any(not isinstance(each, str) or len(each) > LONGEST_CLASS for each in frequent.values()):
        raise BadFileError(
            FILE, f"has a most frequent target that is not a text of {LONGEST_CLASS:,} characters or fewer"
        )
    symbols = values["symbols"]
    if symbols is not None:
        known = isinstance(symbols, list) and all(isinstance(each, str) for each in symbols)
        if not known or symbols != sorted(set(symbols)) or len(symbols) > MOST_SYMBOLS:
            raise BadFileError(FILE, f"has symbols that are not at most {MOST_SYMBOLS:,} texts, sorted and different")
        if not all(1 < len(each) <= LONGEST_SYMBOL for each in symbols):
            raise BadFileError(FILE, f"has a symbol that has not between 2 and {LONGEST_SYMBOL} characters")
    return Facts(**{**values, "symbols": symbols if symbols is None else tuple(symbols)})
