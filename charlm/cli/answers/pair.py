"""The answers of a model of pairs: the target of each source."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from charlm.cli.answers import Answer, Answers, Measured, Scored
from charlm.settings import check_count, check_range
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.tasks.pairs.translator import Translator

_AT_ONCE = 1024  # sources that are answered before the answers are written


@dataclass(frozen=True)
class Targets(Answers):
    """The likeliest targets, by beam search; or by Bayes' rule the source that a text was made from."""

    beam: int | None = field(
        default=None,
        metadata={"help": "pair: keep this many targets in the search; 1 is greedy (default: 4, or --n-best)."},
    )
    n_best: int | None = field(
        default=None,
        metadata={"help": "pair: print this many targets for each source, with log P.", "only": "predict"},
    )
    length_penalty: float | None = field(
        default=None,
        metadata={"help": "pair: compare targets by log P divided by their length to this power (default: 0)."},
    )
    by_bayes: bool = field(
        default=False,
        metadata={
            "help": "pair: the text is a target; print the class that it was made from, for sources that are classes.",
            "only": "predict",
        },
    )

    def __post_init__(self) -> None:
        check_count("beam", self.beam, 1, 1000)
        check_count("n_best", self.n_best, 1, 1000)
        check_range("length_penalty", self.length_penalty, 0, 10)

    def answers(self, model: "Translator", inputs: "Inputs | None") -> Iterator[Answer]:
        from charlm.examples import Pair

        asked = iter(
            [
                (number, each.source)
                for number, each in enumerate(inputs.items if inputs else ())
                if isinstance(each, Pair)
            ]
        )
        while some := list(islice(asked, _AT_ONCE)):
            texts = [text for _, text in some]
            yield from self._by_bayes(model, texts) if self.by_bayes else self._targets(model, some)

    def _targets(self, model: "Translator", some: list[tuple[int, str]]) -> Iterator[Answer]:
        count = self.n_best or 1
        answers = model.predict([text for _, text in some], n_best=count, **self._search(count))
        for (number, source), answer in zip(some, answers, strict=True):
            n_best = [{"target": target, "logprob": logprob} for target, logprob in answer.n_best]
            values = {"source": source, "target": answer.target, "logprob": answer.logprob, "n_best": n_best}
            lines = [f"{number} ||| {for_terminal(target)} ||| {logprob:.4f}" for target, logprob in answer.n_best]
            text = "\n".join(lines) if self.n_best else for_terminal(answer.target)
            yield Answer(text, values, (for_terminal(source), for_terminal(answer.target)))

    def _by_bayes(self, model: "Translator", texts: list[str]) -> Iterator[Answer]:
        for text, shares in zip(texts, model.by_bayes(texts), strict=True):
            label, probability = next(iter(shares.items()))
            cells = (for_terminal(label), f"{probability:.4f}")
            values = {"text": text, "label": label, "probability": probability, "probabilities": shares}
            yield Answer("\t".join(cells), values, cells)

    def _search(self, count: int = 1) -> dict[str, Any]:
        from charlm.tasks.pairs.translator import BEAM

        return {"beam": self.beam or max(BEAM, count), "length_penalty": self.length_penalty or 0.0}

    def score(self, model: "Translator", examples: "Examples") -> Scored:
        """Return log P(target | source) of each pair."""
        from charlm.tasks.pairs.dataset import pairs_of

        pairs = pairs_of(examples)
        logprobs = model.score((each.source, each.target) for each in pairs)
        scores = []
        for pair, logprob in zip(pairs, logprobs, strict=True):
            cells = (for_terminal(pair.source), for_terminal(pair.target), f"{logprob:.4f}")
            values = {"source": pair.source, "target": pair.target, "logprob": logprob}
            scores.append(Answer("\t".join(cells), values, cells))
        never = len(logprobs) - sum(map(math.isfinite, logprobs))
        zero = f"{never:,} targets have a token that no training target has, so their probability is 0"
        return Scored("", scores, [zero] if never else [])

    def evaluate(self, model: "Translator", examples: "Examples") -> Measured:
        import numpy as np

        from charlm.measures.naive import copies
        from charlm.measures.texts import TextMeasures
        from charlm.tasks.pairs.dataset import pairs_of
        from charlm.tasks.pairs.evaluation import symbols

        pairs = pairs_of(examples)
        targets: dict[str, list[str]] = {}
        for each in pairs:
            targets.setdefault(each.source, []).append(each.target)
        answers = model.predict(targets, **self._search())
        known = model.facts.frequent
        name = "most frequent target" if known else "copy"
        guesses = [known.get(each, "") for each in targets] if known else copies(list(targets))
        measures, naive = (
            TextMeasures(texts, list(targets.values()), lambda text: symbols(text, model.facts.spaced))
            for texts in ([each.target for each in answers], guesses)
        )
        rows = [model.facts.row(model.tokenizer, each.source, each.target) for each in pairs]
        logprobs = np.concatenate(model.network.target_logprobs(rows))
        finite = np.isfinite(logprobs)
        notes = []
        if unknown := int((~finite).sum()):
            notes.append(f"{unknown:,} target tokens that no training target has are left out of the nats")
        if cut := sum(each.cut for each in answers):
            notes.append(f"{cut:,} answers reached the greatest length and do not end")
        if len(targets) < len(pairs):
            notes.append(
                f"{len(pairs):,} pairs have {len(targets):,} sources; an answer is right if it is one of the targets"
            )
        nats = -float(logprobs[finite].mean()) if finite.any() else None
        return Measured(measures, {name: naive}, nats, notes)
