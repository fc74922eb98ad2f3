"""A model that computes the probability of a text: the part of `LanguageModel` that reads."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self, Unpack, overload

from charlm import arguments
from charlm.arguments import check_text, field_keywords, with_keywords
from charlm.config import ModelConfig, TextMode
from charlm.data.encoding import UnknownPolicy
from charlm.data.sequences import sequences_of
from charlm.errors import ConfigError
from charlm.nn.network import Network
from charlm.nn.probability import TokenProgress
from charlm.progress import ignore
from charlm.scoring.adapting import AdaptiveReader
from charlm.scoring.evaluation import Evaluation, evaluate
from charlm.scoring.score import Score, ScoreConfig, ScoreOptions
from charlm.scoring.score_texts import score
from charlm.tokenizers import Tokenizer
from charlm.wording import quoted


@dataclass(frozen=True)
class ScoringModel:
    """A trained network with its tokenizer.

    adaptation: reads the texts to score or evaluate, in a model that adapts to them (`adapted`).
    name: the name of its folder, or of the corpus if it was trained without a folder.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    network: Network
    adaptation: AdaptiveReader | None = None
    name: str = ""

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

    @property
    def counts_alone(self) -> bool:
        """Whether the model is its counts of n-grams alone, because no network of its run predicted better."""
        return self.network.counts_alone

    def require_network(self) -> None:
        """Raise ConfigError if the model is its counts alone, whose network has not learned."""
        if self.counts_alone:
            problem = "is its counts of n-grams alone, because no network of its run predicted better"
            raise ConfigError(f"{self.name or 'this model'} {problem}", remedy="train_longer")

    def adapted(self, *methods: str, on_progress: TokenProgress = ignore) -> Self:
        """Return a model that learns from the texts it scores or evaluates, in the order in which it reads them.

        methods: "dynamic" (dynamic evaluation, Krause et al. 2018), "cache" (neural cache, Grave et al. 2017), or both.
        Every token is predicted before it is learned from. This model stays unchanged, and so do the samples of the
        new one. on_progress: called after each segment with its number of tokens.

        Raises ConfigError if no method is given, and for "dynamic" with a model that is its counts alone, which do not
        learn by gradient descent; UnknownNameError for a method that does not exist.
        """
        reader = AdaptiveReader(self.network, methods, on_progress)
        if reader.by_gradient:
            self.require_network()
        return replace(self, adaptation=reader)

    @overload
    def score(  # type: ignore[overload-overlap]  # a text is not meant as an iterable of characters
        self, text: str, *, eos: bool | None = None, **options: Unpack[ScoreOptions]
    ) -> Score: ...
    @overload
    def score(
        self, text: Iterable[str], *, eos: bool | None = None, **options: Unpack[ScoreOptions]
    ) -> list[Score]: ...
    @with_keywords(field_keywords(ScoreConfig))
    def score(
        self, text: str | Iterable[str], *, eos: bool | None = None, **options: Unpack[ScoreOptions]
    ) -> Score | list[Score]:
        """Return the probability of a text by the chain rule, or of each text of a list, which are read in parallel.

        eos: score the end of the text too; None: yes for a line model, no for a stream model.
        bos: read the start token first (default: yes). Without it and without a context, the first token is context
        and is not scored.
        context: read before the text and not scored, for P(text | context). If the end of the context has other tokens
        with the text after it than alone, scoring begins where they differ: `Score.scored_context` is that end.
        unknown: policy for a character outside the vocabulary: unk (default), skip or error.
        unit: of the log-probabilities: token (default), char or word.
        alternatives: number of the likeliest tokens to return at each position, with the entropy before each token and
        its rank; None (default): return none of these.

        Raises ConfigError, UnknownCharacterError.
        """
        texts = [text] if isinstance(text, str) else arguments.texts("score", text, "text, or ")
        context = options.get("context", "")
        check_text("context must be", context)
        for each in (*texts, context) if self.line else ():
            if "\n" in each:
                raise ConfigError(f"{quoted(each, 40)} has a newline; a line model scores one line at a time")
        config = ScoreConfig(eos=self.line if eos is None else eos, **options)
        scores = score(self.network, self.tokenizer, texts, config, mode=self.mode, adapting=self.adaptation)
        return scores[0] if isinstance(text, str) else scores

    @with_keywords(field_keywords(ScoreConfig))
    def score_many(
        self, texts: Iterable[str], *, eos: bool | None = None, **options: Unpack[ScoreOptions]
    ) -> list[Score]:
        """Score a list of texts; the options are those of `score`."""
        return self.score(arguments.texts("score_many", texts), eos=eos, **options)

    @overload
    def evaluate(  # type: ignore[overload-overlap]
        self, text: str, *, window: int | None = None, streams: int | None = None, unknown: UnknownPolicy = "unk"
    ) -> Evaluation: ...
    @overload
    def evaluate(
        self,
        text: Iterable[str],
        *,
        window: int | None = None,
        streams: int | None = None,
        unknown: UnknownPolicy = "unk",
    ) -> list[Evaluation]: ...
    def evaluate(
        self,
        text: str | Iterable[str],
        *,
        window: int | None = None,
        streams: int | None = None,
        unknown: UnknownPolicy = "unk",
    ) -> Evaluation | list[Evaluation]:
        """Measure how well the model predicts a text, or each text of a list: perplexity, bits per character and more.

        A line model reads each line from its start. A stream model reads the text in `streams` parallel pieces, each
        after the 256 tokens before it (None: as many as the length suits), or in windows of `window` tokens, each
        from a zero state. unknown: policy for a character outside the vocabulary: unk, skip or error.

        Raises ConfigError for `window` or `streams` out of range or with a line model, CorpusError for a text that is
        shorter than a window, UnknownCharacterError.
        """
        texts = [text] if isinstance(text, str) else arguments.texts("evaluate", text, "text, or ")
        evaluations = evaluate(
            self.network,
            self.tokenizer,
            self.mode,
            [sequences_of(each, self.mode) for each in texts],
            unknown=unknown,
            window=window,
            streams=streams,
            adapting=self.adaptation,
        )
        return evaluations[0] if isinstance(text, str) else evaluations

    def evaluate_many(
        self,
        texts: Iterable[str],
        *,
        window: int | None = None,
        streams: int | None = None,
        unknown: UnknownPolicy = "unk",
    ) -> list[Evaluation]:
        """Evaluate a list of texts as `evaluate` does; `Evaluation.total` adds them up."""
        texts = arguments.texts("evaluate_many", texts)
        return self.evaluate(texts, window=window, streams=streams, unknown=unknown)

    def unknown(self, text: str) -> int:
        """Return the number of characters in a text that are not in the model's vocabulary."""
        check_text("unknown() takes", text)
        return self.tokenizer.count_unknown(text)
