"""What a corpus cannot teach, or was perhaps not meant to: said before the time is spent."""

from collections.abc import Iterator

from charlm.tasks.language import Dataset

_FEW_FOR_EACH = 100  # symbols of the corpus for each of the vocabulary
_RARE = 5  # times, or fewer
_MANY_RARE = 0.2  # of the vocabulary


def warnings(prepared: Dataset) -> Iterator[str]:
    """A sentence for each doubt."""
    needed = (
        prepared.counts > 0
    ) | ~prepared.tokenizer.fallback_tokens()  # what is there to spell others need not come
    needed[: len(prepared.tokenizer.CONTROL)] = False
    counts = prepared.counts[needed]
    symbols, total = len(counts), int(counts.sum())
    if total < _FEW_FOR_EACH * symbols:
        each = f"each of {symbols:,} symbols stands there {total / symbols:.0f} times"
        yield f"the text is small for its vocabulary: {each}"
    rare = int((counts <= _RARE).sum())
    if rare > _MANY_RARE * symbols:
        remedy = "; a smaller --vocab-size spells them" if "vocab_size" in prepared.tokenizer.SETTINGS else ""
        often = f"{_RARE} times or less"
        yield f"{rare:,} of {symbols:,} symbols stand there {often}: too rarely to be learned well{remedy}"
    if unknown := int(prepared.counts[prepared.tokenizer.UNK]):
        share = unknown / prepared.counts.sum()
        yield f"{unknown:,} symbols to learn ({share:.2%}) are <UNK>: what the vocabulary does not have"
    if prepared.doubt:
        yield f"the text is one of lines but for {prepared.doubt}: if each stands for itself, say --sequence line"
