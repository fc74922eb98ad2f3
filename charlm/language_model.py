"""A trained model, and what can be asked of it."""

import itertools
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Unpack

import torch

from charlm.config import ModelConfig, check_range
from charlm.data.encoding import UnknownPolicy, encode
from charlm.data.sequences import sequences_of
from charlm.errors import ConfigError
from charlm.generation.beam import search
from charlm.generation.distinct import distinct
from charlm.generation.ending import Ending, Unit
from charlm.generation.generate import Piece, Sample, generate, read, side_by_side
from charlm.generation.must_match.matching import MustMatch
from charlm.generation.samplers import chain
from charlm.nn.network import Network
from charlm.nn.probability import TokenProgress, log_softmax
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.evaluation import Evaluation, evaluate
from charlm.scoring.score import Convention, How, Score, score
from charlm.tokenizers import Tokenizer

LENGTH = {"stream": 500, "line": 1000}  # tokens a sample has at most, unless told
_SIDE_BY_SIDE = 1024  # samples drawn at once, at most
_LOGITS = 2**24  # numbers in a step of them, at most


class Next(NamedTuple):
    """A symbol that may come next; text is None for a control symbol."""

    id: int
    text: str | None
    probability: float


@dataclass(frozen=True)
class LanguageModel:
    """A network with its tokenizer. `config.sequence` says whether it learned lines or a stream."""

    config: ModelConfig
    tokenizer: Tokenizer
    network: Network
    adaptation: AdaptiveReader | None = None  # what reads the texts that are scored, in a model that adapts to them

    @property
    def line(self) -> bool:
        return self.config.sequence == "line"

    @property
    def ends(self) -> bool:
        """Whether the model can predict the end of a text: it never saw that of a single running text."""
        return bool(self.network.allowed_tokens[self.tokenizer.EOS])

    def adapting(self, *ways: str, told: TokenProgress = lambda count: None) -> "LanguageModel":
        """This model, but learning from what it scores or evaluates, text after text in the order they come.

        ways: dynamic, cache or both; `adaptation` has them. Every token is predicted before it is learned from. Neither
        this model nor what is drawn from the new one changes. told: hears after each segment how many tokens it had.

        Raises ConfigError, UnknownNameError.
        """
        return replace(self, adaptation=AdaptiveReader(self.network, ways, told))

    def score(self, text: str, *, eos: bool | None = None, **how: Unpack[How]) -> Score:
        """The probability of one text by the chain rule; `score_many` says what the settings mean.

        Raises ConfigError for a text with a newline in a model of lines, which is several texts (`charlm.lines` parts
        them).
        """
        return self.score_many([text], eos=eos, **how)[0]

    def score_many(self, texts: Sequence[str], *, eos: bool | None = None, **how: Unpack[How]) -> list[Score]:
        """The score of each text, read side by side: the same numbers as one by one, sooner.

        eos: whether the end of the text is scored too; None: yes for a model of lines, no for one of a stream. bos:
        whether the start symbol is read first (default yes); without it and without a context the first token is
        context and is not scored. context: read before the text, for P(text | context). unknown: what a character
        outside the vocabulary becomes: unk (default), skip or error. unit: what the log-probabilities are of: token
        (default), char or word. alternatives: a number asks also for the entropy before each token, its rank, and so
        many of the likeliest symbols there.

        Raises ConfigError, UnknownCharacterError.
        """
        for text in (*texts, how.get("context", "")) if self.line else ():
            if "\n" in text:
                raise ConfigError(f"in a model of lines a text is one line, and {text[:40]!r} has a newline")
        convention = Convention(eos=self.line if eos is None else eos, **how)
        return score(self.network, self.tokenizer, texts, convention, line=self.line, adapting=self.adaptation)

    def evaluate(
        self, text: str, *, window: int | None = None, streams: int | None = None, unknown: UnknownPolicy = "unk"
    ) -> Evaluation:
        """How well the model predicts a text: `evaluation.evaluate` has the protocols.

        Raises ConfigError for `window` or `streams` out of range, or given to a model of lines.
        """
        return self.evaluate_many([text], window=window, streams=streams, unknown=unknown)[0]

    def evaluate_many(
        self,
        texts: Sequence[str],
        *,
        window: int | None = None,
        streams: int | None = None,
        unknown: UnknownPolicy = "unk",
    ) -> list[Evaluation]:
        """`evaluate` for each text, read side by side; `Evaluation.total` sums them up."""
        kind = self.config.sequence
        documents = [sequences_of(text, kind) for text in texts]
        return evaluate(
            self.network,
            self.tokenizer,
            kind,
            documents,
            unknown=unknown,
            window=window,
            streams=streams,
            adapting=self.adaptation,
        )

    def sample(self, prompt: str = "", **options: Any) -> list[Sample]:
        """Return `count` continuations of a prompt of any length; the options are those of `generate`."""
        samples = (each for each in self.generate(prompt, **options) if isinstance(each, Sample))
        return sorted(samples, key=lambda sample: sample.index)

    def stream(self, prompt: str = "", **options: Any) -> Iterator[str]:
        """Yield one continuation piece by piece, as it is drawn; the options are those of `generate` except `count`."""
        options["count"] = 1
        return (each.text for each in self.generate(prompt, **options) if isinstance(each, Piece))

    def next_token(
        self,
        prompt: str = "",
        *,
        unknown: UnknownPolicy = "error",
        temperature: float = 1.0,
        top_p: float | None = None,
    ) -> list[Next]:
        """Every symbol with its probability to be drawn after the prompt, the likeliest first; they sum to one."""
        ids = encode(self.tokenizer, self._one_line(prompt), unknown).ids
        with torch.inference_mode():
            logits, _ = read(self.network, self.tokenizer.sequence(ids))
            for sampler in chain({"temperature": temperature, "top_p": top_p}):
                logits, _ = sampler(logits, logits.new_empty(1, 0, dtype=torch.long), None)
            probabilities = log_softmax(logits[0]).exp().tolist()
        order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
        return [Next(index, self.tokenizer.token_text(index), probabilities[index]) for index in order]

    def generate(
        self,
        prompt: str = "",
        *,
        length: int | None = None,
        count: int = 1,
        must_match: str | None = None,
        unique: bool = False,
        stop: str | None = None,
        whole: Unit | None = None,
        seed: int | None = None,
        unknown: UnknownPolicy = "error",
        **samplers: float | str | None,
    ) -> Iterator[Piece | Sample]:
        """Yield pieces of the samples' text as they are drawn, and each Sample when it is complete.

        length: the most tokens in a sample; None means 500 in stream mode, 1,000 in line mode.
        count: the number of samples.
        must_match: a regular expression that the whole text of each sample matches, prompt excluded.
        unique: whether all samples differ; there are fewer than `count` if the model has no more.
        stop: a text that ends a sample, and is not part of it.
        whole: "word", "line" or "sentence": finish the unit that the length cuts, with up to 1,000 more tokens.
        seed: None chooses a seed, which each Sample names.
        unknown: what to do with a character of the prompt outside the vocabulary: error, unk or skip.
        samplers: settings of the samplers in `generation/samplers/`, such as temperature=0.8 or top_p=0.9. After
            must_match they apply in this order: repetition_penalty (of n-grams of `repetition_ngram` tokens),
            no_repeat, temperature (0 is greedy), top_k, top_p, min_p, typical, mirostat.

        Raises TypeError for a setting that no sampler has, ConfigError and UnknownCharacterError. It raises them when
        called, not at the first draw.
        """
        check_range("count", count, 1, float("inf"))
        check_range("seed", seed, 0, 2**63 - 1)
        ending = Ending(LENGTH[self.config.sequence] if length is None else length, stop, whole)
        filters = [*self._matching(must_match, ending), *chain(samplers)]
        encoded = encode(self.tokenizer, self._one_line(prompt), unknown)
        seed = new_seed() if seed is None else seed

        def group(indices: range) -> Iterator[Piece | Sample]:
            return generate(self.network, self.tokenizer, encoded, filters, indices=indices, ending=ending, seed=seed)

        most = max(1, min(_SIDE_BY_SIDE, _LOGITS // self.tokenizer.size))
        groups = map(group, side_by_side(count, most, endless=unique))
        return distinct(groups, count) if unique else itertools.chain.from_iterable(groups)

    def draw(self, prompt: str = "", **options: Any) -> Iterator[Piece | Sample]:
        """Call `generate`; this name is deprecated and will go in 0.3."""
        warnings.warn("LanguageModel.draw is deprecated; use generate", DeprecationWarning, stacklevel=2)
        return self.generate(prompt, **options)

    def beam(
        self,
        prompt: str = "",
        width: int = 10,
        *,
        length: int | None = None,
        count: int = 1,
        stop: str | None = None,
        unknown: UnknownPolicy = "error",
    ) -> list[Sample]:
        """The `count` likeliest continuations that a beam search finds, best first: `beam.search`.

        length, stop, unknown: as those of `generate`. Raises ConfigError for a count above the width.
        """
        check_range("beam", width, 1, float("inf"))
        check_range("count", count, 1, width)
        ending = Ending(LENGTH[self.config.sequence] if length is None else length, stop)
        encoded = encode(self.tokenizer, self._one_line(prompt), unknown)
        limits = {"width": width, "length": ending.length, "count": count}
        return search(self.network, self.tokenizer, encoded, **limits, stop=ending.stop or "")

    def unknown(self, text: str) -> int:
        """How many characters of a text the model has no symbol for."""
        return self.tokenizer.count_unknown(text)

    def _matching(self, pattern: str | None, ending: Ending) -> list[MustMatch]:
        if pattern is None:
            return []
        if ending.stop is not None or ending.whole is not None:
            raise ConfigError("must-match says where a text ends; leave stop and whole out")
        return [MustMatch.of(pattern, self.tokenizer, self.network.allowed_tokens, ending.length)]

    def _one_line(self, prompt: str) -> str:
        if self.line and "\n" in prompt:
            raise ConfigError(f"in a model of lines a prompt is part of one line, and {prompt[:40]!r} has a newline")
        return prompt


def new_seed() -> int:
    """A seed from the operating system, short enough to type again."""
    return int.from_bytes(os.urandom(4), "little")
