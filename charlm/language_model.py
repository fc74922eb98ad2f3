"""A trained model: score, evaluate and generate text."""

import itertools
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Unpack

import torch

from charlm.config import ModelConfig, TextMode, check_count
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
from charlm.progress import ignore
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.evaluation import Evaluation, evaluate
from charlm.scoring.score import Score, ScoreConfig, ScoreOptions, score
from charlm.tokenizers import Tokenizer
from charlm.wording import plural

LENGTH = {TextMode.STREAM: 500, TextMode.LINE: 1000}  # default for the most tokens of a sample
_MAX_PARALLEL_SAMPLES = 1024
_MAX_LOGITS_PER_STEP = 2**24  # for all parallel samples together


class TokenProbability(NamedTuple):
    """A token and its probability; text is None for a control token."""

    id: int
    text: str | None
    probability: float


@dataclass(frozen=True)
class LanguageModel:
    """A trained network with its tokenizer. `mode` says how it reads text.

    adaptation: reads the texts to score or evaluate, in a model that adapts to them (`adapted`).
    name: the name of its folder, or of the corpus if it was trained without a folder.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    network: Network
    adaptation: AdaptiveReader | None = None
    name: str = ""

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""  # without characters that control a terminal
        tokens = plural(self.tokenizer.size - len(self.tokenizer.CONTROL), self.tokenizer.NOUN)
        size = f"{self.config.brief_shape}, {plural(self.network.parameter_count(), 'parameter')}, {tokens}"
        adapting = f", adapting by {' and '.join(self.adaptation.methods)}" if self.adaptation else ""
        return f"<LanguageModel{name}: {size}{adapting}>"

    @property
    def mode(self) -> TextMode:
        """Text mode: each line by itself, or one running text."""
        return TextMode(self.config.sequence)

    @property
    def line(self) -> bool:
        """Whether the model reads each line by itself."""
        return self.mode == TextMode.LINE

    @property
    def ends(self) -> bool:
        """Whether the model can predict the end of a text; trained on a single running text, it never saw one."""
        return bool(self.network.allowed_tokens[self.tokenizer.EOS])

    def adapted(self, *methods: str, on_progress: TokenProgress = ignore) -> "LanguageModel":
        """Return a model that learns from the texts it scores or evaluates, in the order in which it reads them.

        methods: "dynamic" (dynamic evaluation, Krause et al. 2018), "cache" (neural cache, Grave et al. 2017), or both.
        Every token is predicted before it is learned from. This model stays unchanged, and so do the samples of the
        new one. on_progress: called after each segment with its number of tokens.

        Raises ConfigError if no method is given, UnknownNameError for one that does not exist.
        """
        return replace(self, adaptation=AdaptiveReader(self.network, methods, on_progress))

    def adapting(self, *methods: str, **callback: TokenProgress) -> "LanguageModel":
        """Call `adapted`; this name is deprecated and will go in 0.3, like `told` for `on_progress`."""
        warnings.warn("LanguageModel.adapting is deprecated; use adapted", DeprecationWarning, stacklevel=2)
        return self.adapted(*methods, on_progress=callback.get("told", ignore))

    def score(self, text: str, *, eos: bool | None = None, **options: Unpack[ScoreOptions]) -> Score:
        """Return the probability of one text by the chain rule; `score_many` explains the options.

        Raises ConfigError if a line model gets a text with a newline; `charlm.lines` splits such a text.
        """
        return self.score_many([text], eos=eos, **options)[0]

    def score_many(
        self, texts: Sequence[str], *, eos: bool | None = None, **options: Unpack[ScoreOptions]
    ) -> list[Score]:
        """Score several texts in parallel, which is faster than one by one.

        eos: score the end of the text too; None: yes for a line model, no for a stream model.
        bos: read the start token first (default: yes). Without it and without a context, the first token is context
        and is not scored.
        context: read before the text and not scored, for P(text | context). If a token spans the end of the context,
        scoring begins at the last boundary before it, and `Score.scored_context` is the part of the context after it.
        unknown: policy for a character outside the vocabulary: unk (default), skip or error.
        unit: of the log-probabilities: token (default), char or word.
        alternatives: number of the likeliest tokens to return at each position, with the entropy before each token and
        its rank; None (default): return none of these.

        Raises ConfigError, UnknownCharacterError.
        """
        for text in (*texts, options.get("context", "")) if self.line else ():
            if "\n" in text:
                raise ConfigError(f"{text[:40]!r} has a newline; a line model scores one line at a time")
        config = ScoreConfig(eos=self.line if eos is None else eos, **options)
        return score(self.network, self.tokenizer, texts, config, mode=self.mode, adapting=self.adaptation)

    def evaluate(
        self, text: str, *, window: int | None = None, streams: int | None = None, unknown: UnknownPolicy = "unk"
    ) -> Evaluation:
        """Measure how well the model predicts a text: perplexity, bits per character and more.

        A line model reads each line from its start. A stream model reads the text in `streams` parallel pieces, each
        after the 256 tokens before it (None: as many as the length suits), or in windows of `window` tokens, each
        from a zero state. unknown: policy for a character outside the vocabulary: unk, skip or error.

        Raises ConfigError for `window` or `streams` out of range or with a line model, CorpusError for a text that is
        shorter than a window, UnknownCharacterError.
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
        """Evaluate several texts in parallel; `Evaluation.total` adds them up."""
        mode = self.mode
        documents = [sequences_of(text, mode) for text in texts]
        return evaluate(
            self.network,
            self.tokenizer,
            mode,
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

    def next_token_probabilities(
        self,
        prompt: str = "",
        *,
        unknown: UnknownPolicy = "error",
        temperature: float = 1.0,
        top_p: float | None = None,
    ) -> list[TokenProbability]:
        """Return every token with its probability to follow the prompt, the likeliest first; they sum to 1.

        unknown: policy for a character of the prompt outside the vocabulary: unk, skip or error. `temperature` and
        `top_p` change the distribution as they do in `sample`.

        Raises ConfigError, UnknownCharacterError.
        """
        ids = encode(self.tokenizer, self._one_line(prompt), unknown).ids
        with torch.inference_mode():
            logits, _ = read(self.network, self.tokenizer.sequence(ids))
            for sampler in chain({"temperature": temperature, "top_p": top_p}):
                logits, _ = sampler(logits, logits.new_empty(1, 0, dtype=torch.long), None)
            probabilities = log_softmax(logits[0]).exp().tolist()
        order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
        return [TokenProbability(index, self.tokenizer.token_text(index), probabilities[index]) for index in order]

    def next_token(self, prompt: str = "", **options: Any) -> list[TokenProbability]:
        """Call `next_token_probabilities`; this name is deprecated and will go in 0.3."""
        warnings.warn(
            "LanguageModel.next_token is deprecated; use next_token_probabilities", DeprecationWarning, stacklevel=2
        )
        return self.next_token_probabilities(prompt, **options)

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
        check_count("count", count, 1)
        check_count("seed", seed, 0, 2**63 - 1)
        ending = Ending(LENGTH[self.mode] if length is None else length, stop, whole)
        filters = [*self._matching(must_match, ending), *chain(samplers)]
        encoded = encode(self.tokenizer, self._one_line(prompt), unknown)
        seed = new_seed() if seed is None else seed

        def group(indices: range) -> Iterator[Piece | Sample]:
            return generate(self.network, self.tokenizer, encoded, filters, indices=indices, ending=ending, seed=seed)

        most = max(1, min(_MAX_PARALLEL_SAMPLES, _MAX_LOGITS_PER_STEP // self.tokenizer.size))
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
        """Return the `count` likeliest continuations that a beam search of `width` finds, the likeliest first.

        length, stop, unknown: as in `generate`. Raises ConfigError for a count above the width, UnknownCharacterError.
        """
        check_count("beam", width, 1)
        check_count("count", count, 1, width)
        ending = Ending(LENGTH[self.mode] if length is None else length, stop)
        encoded = encode(self.tokenizer, self._one_line(prompt), unknown)
        limits = {"width": width, "length": ending.length, "count": count}
        return search(self.network, self.tokenizer, encoded, **limits, stop=ending.stop or "")

    def unknown(self, text: str) -> int:
        """Return the number of characters in a text that are not in the model's vocabulary."""
        return self.tokenizer.count_unknown(text)

    def _matching(self, pattern: str | None, ending: Ending) -> list[MustMatch]:
        if pattern is None:
            return []
        if ending.stop is not None or ending.whole is not None:
            raise ConfigError("must_match decides where a text ends; leave stop and whole out")
        return [MustMatch.compile(pattern, self.tokenizer, self.network.allowed_tokens, ending.length)]

    def _one_line(self, prompt: str) -> str:
        if self.line and "\n" in prompt:
            raise ConfigError(f"the prompt {prompt[:40]!r} has a newline; a line model continues a single line")
        return prompt


def new_seed() -> int:
    """Return a seed from the operating system, short enough to type again."""
    return int.from_bytes(os.urandom(4), "little")
