"""A trained model: score, evaluate and generate text."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Unpack

from charlm.arguments import (
    check_text,
    explained_by,
    explained_options,
    keywords_of,
    option_keywords,
    with_keywords,
)
from charlm.config import TextMode
from charlm.data.encoding import UnknownPolicy
from charlm.errors import ConfigError
from charlm.generation.beam import search
from charlm.generation.ending import Ending, Unit
from charlm.generation.generate import Piece, Sample
from charlm.generation.keywords import SampleKeywords, StreamKeywords
from charlm.generation.must_match.matching import MustMatch
from charlm.generation.next_token import TokenProbability, next_token_probabilities
from charlm.generation.opening import Opening, check_prompt, open_prompt
from charlm.generation.samplers import PACKAGE, chain
from charlm.generation.samples import generate_samples
from charlm.keywords import SamplerKeywords
from charlm.model import Contents, Model, Record, text_contents
from charlm.nn.mixed import MixedNetwork
from charlm.nn.network import Network
from charlm.nn.probability import TokenProgress
from charlm.progress import ignore
from charlm.randomness import new_seed
from charlm.scoring.scoring_model import ScoringModel
from charlm.settings import check_count
from charlm.wording import plural

LENGTH = {TextMode.STREAM: 500, TextMode.LINE: 1000}  # default for the most tokens of a sample


PREVIEW_TEMPERATURE = 0.8  # of the samples that a run shows


@dataclass(frozen=True, repr=False)
class LanguageModel(ScoringModel, Model):
    """A trained network with its tokenizer, which scores, evaluates and generates text.

    `mode` says how it reads text.

    config: the shape of the network.
    tokenizer: maps text to token ids.
    network: a torch module that maps ids (T, B) and a state to logits (T, B, V).
    adaptation: reads the texts to score or evaluate, in a model that adapts to them (`adapted`); None otherwise.
    name: the name of its folder, or of the corpus if it was trained without a folder.
    record: how the model was trained, which `save` writes; None for a model that was put together by hand.
    """

    record: Record | None = None

    def __repr__(self) -> str:
        name = f" {repr(self.name)[1:-1]}" if self.name else ""  # without characters that control a terminal
        tokens = plural(self.tokenizer.size - len(self.tokenizer.CONTROL), self.tokenizer.NOUN)
        size = f"{self.config.brief_shape}, {plural(self.network.parameter_count(), 'parameter')}, {tokens}"
        adapting = f", adapting by {' and '.join(self.adaptation.methods)}" if self.adaptation else ""
        return f"<LanguageModel{name}: {size}{adapting}>"

    def contents(self) -> Contents:
        """Return what the folder of this model has of its task."""
        return text_contents(self.tokenizer, getattr(self.network, "counts", None))

    def without_counts(self) -> "LanguageModel":
        """Return the model with the same network, which predicts alone.

        Raises ConfigError for a model that is its counts alone.
        """
        self.require_network()
        if not isinstance(self.network, MixedNetwork):
            return self
        config = replace(self.config, ngram="none")
        network = Network(config, self.tokenizer.size).to(self.network.device).eval()
        own = network.state_dict()
        network.load_state_dict({name: each for name, each in self.network.state_dict().items() if name in own})
        return replace(self, config=config, network=network)

    def adapting(self, *methods: str, **callback: TokenProgress) -> "LanguageModel":
        """Call `adapted`; this name is deprecated and will go in 0.3, like `told` for `on_progress`."""
        warnings.warn("LanguageModel.adapting is deprecated; use adapted", DeprecationWarning, stacklevel=2)
        return self.adapted(*methods, on_progress=callback.get("told", ignore))

    @with_keywords(option_keywords(PACKAGE), explained_options(PACKAGE))
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
        allow_unk: bool = False,
        **samplers: Unpack[SamplerKeywords],
    ) -> Iterator[Piece | Sample]:
        """Yield pieces of the samples' text as they are drawn, and each Sample when it is complete.

        If the prompt may end inside a token, its last tokens are drawn again, among those that begin with their text.

        length: the most tokens in a sample; None means 500 in stream mode, 1,000 in line mode.
        count: the number of samples.
        must_match: a regular expression that the whole text of each sample matches, prompt excluded.
        unique: whether all samples differ; there are fewer than `count` if the model has no more.
        stop: a text that ends a sample, and is not part of it.
        whole: "word", "line" or "sentence": finish the unit that the length cuts, with up to 1,000 more tokens.
        seed: None chooses a seed, which each Sample names.
        unknown: what to do with a character of the prompt outside the vocabulary: error, unk or skip.
        allow_unk: whether <UNK> may be drawn, which stands for any text outside the vocabulary.
        samplers: settings of the samplers in `generation/samplers/`, such as temperature=0.8 or top_p=0.9. After
            must_match they apply in this order: repetition_penalty (of n-grams of `repetition_ngram` tokens),
            no_repeat, temperature (0 is greedy), top_k, top_p, min_p, typical, mirostat.

        Raises TypeError for a setting that no sampler has, ConfigError and UnknownCharacterError. It raises them when
        called, not at the first draw.
        """
        check_count("count", count, 1)
        check_count("seed", seed, 0, 2**63 - 1)
        ending = Ending(LENGTH[self.mode] if length is None else length, stop, whole)
        filters = chain(samplers)
        opening = self._open(prompt, unknown, allow_unk)
        if must_match is not None:
            filters = [self._matching(must_match, ending, opening, allow_unk), *filters]
        return generate_samples(
            self.network,
            self.tokenizer,
            opening,
            filters,
            count=count,
            unique=unique,
            ending=ending,
            seed=new_seed() if seed is None else int(seed),
        )

    @with_keywords(keywords_of(generate), explained_by(generate))
    def sample(self, prompt: str = "", **options: Unpack[SampleKeywords]) -> list[Sample]:
        """Return `count` continuations of a prompt of any length; the options are those of `generate`."""
        samples = (each for each in self.generate(prompt, **options) if isinstance(each, Sample))
        return sorted(samples, key=lambda sample: sample.index)

    @with_keywords(keywords_of(generate, without=["count"]), explained_by(generate, without="count"))
    def stream(self, prompt: str = "", **options: Unpack[StreamKeywords]) -> Iterator[str]:
        """Yield one continuation piece by piece, as it is drawn; the options are those of `generate` except `count`."""
        return (each.text for each in self.generate(prompt, **options) if isinstance(each, Piece))

    def next_token_probabilities(
        self,
        prompt: str = "",
        *,
        unknown: UnknownPolicy = "error",
        temperature: float = 1.0,
        top_p: float | None = None,
        allow_unk: bool = True,
    ) -> list[TokenProbability]:
        """Return every token with its probability to follow the prompt, the likeliest first; they sum to 1.

        If the prompt may end inside a token, the tokens that begin with its end are among them, each with the text that
        it adds.

        unknown: policy for a character of the prompt outside the vocabulary: unk, skip or error. `temperature` and
        `top_p` change the distribution as they do in `sample`. allow_unk: whether <UNK> keeps its probability.

        Raises ConfigError, UnknownCharacterError.
        """
        samplers = chain({"temperature": temperature, "top_p": top_p})
        opening = self._open(prompt, unknown, allow_unk)
        return next_token_probabilities(self.network, self.tokenizer, opening, samplers)

    def next_token(self, prompt: str = "", **options: Any) -> list[TokenProbability]:
        """Call `next_token_probabilities`; this name is deprecated and will go in 0.3."""
        warnings.warn(
            "LanguageModel.next_token is deprecated; use next_token_probabilities", DeprecationWarning, stacklevel=2
        )
        return self.next_token_probabilities(prompt, **options)

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
        allow_unk: bool = False,
    ) -> list[Sample]:
        """Return the `count` likeliest continuations that a beam search of `width` finds, the likeliest first.

        length, stop, unknown, allow_unk: as in `generate`.

        Raises ConfigError for a count above the width, UnknownCharacterError.
        """
        check_count("beam", width, 1)
        check_count("count", count, 1, width)
        ending = Ending(LENGTH[self.mode] if length is None else length, stop)
        opening = self._open(prompt, unknown, allow_unk)
        limits = {"width": width, "length": ending.length, "count": count}
        return search(self.network, self.tokenizer, opening, **limits, stop=stop or "")

    def _matching(self, pattern: str, ending: Ending, opening: Opening, allow_unk: bool) -> MustMatch:
        check_text("must_match must be", pattern)
        if ending.stop is not None or ending.whole is not None:
            raise ConfigError("must_match decides where a text ends; leave stop and whole out")
        if allow_unk:
            raise ConfigError("must_match draws known text only; leave allow_unk out")
        return MustMatch.compile(pattern, self.tokenizer, self.network.allowed_tokens, ending.length, opening)

    def _open(self, prompt: str, unknown: UnknownPolicy, allow_unk: bool) -> Opening:
        check_text("prompt must be", prompt)
        check_prompt(prompt, line=self.line)
        return open_prompt(self.network, self.tokenizer, prompt, unknown, allow_unk=allow_unk)
