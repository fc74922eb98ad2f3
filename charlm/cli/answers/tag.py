"""The answers of a tagger: the columns of the input, and one more with the tags."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from charlm.cli.answers import Answer, Answers, Measured
from charlm.wording import for_terminal

if TYPE_CHECKING:
    from charlm.examples.reading import Examples, Inputs
    from charlm.tasks.tags.tagger import Tagger

_AT_ONCE = 1024  # sentences that are answered before the answers are written


@dataclass(frozen=True)
class Tags(Answers):
    """A tag for each token; a blank line follows each sentence."""

    def answers(self, model: "Tagger", inputs: "Inputs | None") -> Iterator[Answer]:
        from charlm.examples import Tagged

        sentences = iter([each for each in (inputs.items if inputs else ()) if isinstance(each, Tagged)])
        while some := list(islice(sentences, _AT_ONCE)):
            for asked, answer in zip(some, model.predict([each.tokens for each in some]), strict=True):
                columns = asked.columns or [(token,) for token in asked.tokens]
                lines = ["\t".join((*row, tag)) for row, tag in zip(columns, answer.tags, strict=True)]
                spans = [span._asdict() for span in answer.spans]
                values = {"tokens": list(answer.tokens), "tags": list(answer.tags), "spans": spans}
                text = "".join(f"{for_terminal(line)}\n" for line in lines)
                yield Answer(text, values, tuple(for_terminal(" ".join(each)) for each in (answer.tokens, answer.tags)))

    def evaluate(self, model: "Tagger", examples: "Examples") -> Measured:
        from charlm.measures.spans import TagMeasures
        from charlm.tasks.tags.dataset import sentences_of, unknown_tags
        from charlm.tasks.tags.tagger import tags_of

        sentences = sentences_of(examples)
        truth = [each.tags for each in sentences]
        logprobs = model.log_probabilities([each.tokens for each in sentences])
        predicted = [tags_of(model.tags, model.scheme, each) for each in logprobs]
        naive = TagMeasures(truth, [model.naive.tag(each.tokens) for each in sentences], model.scheme)
        number = {tag: index for index, tag in enumerate(model.tags)}
        nats = [
            -scores[number[tag]]
            for each, rows in zip(truth, logprobs, strict=True)
            for tag, scores in zip(each, rows, strict=True)
            if tag in number
        ]
        measures = TagMeasures(truth, predicted, model.scheme)
        notes = unknown_tags(examples, model.tags, "the model does not know")
        return Measured(measures, {"most frequent": naive}, float(sum(nats) / len(nats)) if nats else None, notes)
