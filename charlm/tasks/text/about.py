"""A corpus in words, before a language model is trained on it."""

from collections.abc import Iterator

from charlm.config import ModelConfig, TextMode, TrainConfig
from charlm.counts import MEGABYTE
from charlm.tasks import About, Batches, DataWarning, Row, Unit
from charlm.tasks.text.prepared import PreparedText
from charlm.wording import plural, vocabulary_size

_FEW_PER_TOKEN = 100  # tokens of the corpus for each token of the vocabulary
_RARE = 5  # occurrences, or fewer
_MANY_RARE = 0.2  # share of the vocabulary


def about(data: PreparedText, batches: Batches, model: ModelConfig, config: TrainConfig, unit: Unit) -> About:
    """Describe the corpus, its parts and its windows."""
    vocabulary = f"vocabulary of {vocabulary_size(data.tokenizer.size)}"
    extent = f"{plural(data.characters, 'character')}, {vocabulary}, {_texts(data)}"
    size, asked = (batches.batch_size, batches.seq_len), (config.batch_size, config.seq_len)
    return About(
        before=(
            ("corpus", extent),
            *_tokens(data, model),
            *_counts(data),
            ("sequence", f"{model.sequence}: {data.mode_reason}"),
            ("split", _split(data)),
        ),
        after=(("window", _window(data, batches)), *_vectors(data, config)),
        of_step="{} × {} tokens".format(*size),
        unit=unit,
        notes=(*data.corpus.notes, *_line_ends(data)),
        warnings=tuple(warnings(data)),
        shrunk="{} × {} tokens".format(*asked) if size < asked else "",
        facts={"characters": data.characters, "tokens": batches.size, "vocabulary": data.tokenizer.size},
    )


def _texts(data: PreparedText) -> str:
    split = data.split
    if data.mode == TextMode.LINE:
        return plural(len(split.train) + (len(split.valid) if split.held_out else 0), "line")
    return plural(len(data.corpus.documents), "text")


def _tokens(data: PreparedText, model: ModelConfig) -> Iterator[Row]:
    """The number and length of the training tokens, unless each is a character."""
    tokens = len(data.ring.targets)
    if data.split.characters(data.split.train) != tokens:
        length = f"{data.characters_per_token:.2f} characters each on average"
        yield "tokens", f"{model.tokenizer}: {plural(tokens, 'training token')}, {length}"


def _counts(data: PreparedText) -> Iterator[Row]:
    """What is counted beside the network, if anything is."""
    if data.counted:
        settings, cuts = data.counted.settings, data.counted.counts.cuts
        of = f" in {settings.tokens:,} of the tokens, evenly spread" if settings.tokens else ""
        fit = f"; the rarest are left out, to fit into {settings.limit / MEGABYTE:g} MB" if max(cuts) > 1 else ""
        yield "counts", f"n-grams of up to {settings.order} tokens{of}{fit}"


def _split(data: PreparedText) -> str:
    split = data.split
    train = f"{plural(split.characters(split.train), 'character')} for training"
    if not split.held_out:
        return f"{train}, none held out: the corpus is too short, so validation uses the training text"
    held_out = f"{train}, {split.characters(split.valid):,} held out"
    if data.valid_files:
        return f"{held_out}: a separate text"
    if split.mode == TextMode.LINE:
        how = "chosen by line number, so the same for every seed"
        return f"{held_out} in {plural(len(split.valid), 'line')}: {how}"
    return f"{held_out}: the last part of each text, never trained on"


def _window(data: PreparedText, batches: Batches) -> str:
    carried = "the state carries over to the next window"
    where = "in a longer line, " if data.mode == TextMode.LINE else ""
    return f"gradients reach back {plural(batches.seq_len, 'token')}; {where}{carried}"


def _vectors(data: PreparedText, config: TrainConfig) -> Iterator[Row]:
    if data.vectors:
        given = int(data.vectors.known.sum())
        start = f"{plural(given, 'token')} with a vector from {config.embedding_file}"
        trained = "the embedding is not trained" if config.freeze_embedding else "all are trained"
        yield "vectors", f"{start}, {data.tokenizer.size - given:,} at random; {trained}"


def _line_ends(data: PreparedText) -> Iterator[str]:
    if lines := data.split.crlf_lines:
        ends = "line ends" if lines == 1 else "lines end"
        yield f"{lines:,} {ends} in CR LF; the CR is read as part of the line end"


def warnings(data: PreparedText) -> Iterator[DataWarning]:
    """Yield what the corpus cannot teach, so that it is known before the time is spent."""
    # A byte that only spells other characters may be missing from the corpus.
    needed = (data.counts > 0) | ~data.tokenizer.fallback_tokens()
    needed[: len(data.tokenizer.CONTROL)] = False
    counts = data.counts[needed]
    tokens, total = len(counts), int(counts.sum())
    if total < _FEW_PER_TOKEN * tokens:
        mean = f"each of the {tokens:,} tokens occurs {total / tokens:.0f} times on average"
        yield DataWarning(f"the text is small for its vocabulary: {mean}")
    rare = int((counts <= _RARE).sum())
    if rare > _MANY_RARE * tokens:
        few = f"{rare:,} of {tokens:,} tokens occur {_RARE} times or fewer, too rarely to learn"
        smaller = "vocab_size" in data.tokenizer.SETTINGS
        yield DataWarning(few, remedy="smaller_vocabulary") if smaller else DataWarning(few)
    if unknown := int(data.counts[data.tokenizer.UNK]):
        share = unknown / data.counts.sum()
        yield DataWarning(f"{unknown:,} tokens to learn ({share:.2%}) are <UNK>: the vocabulary lacks them")
    if unknown := data.held_out_unknown:
        characters = sum(map(len, data.split.valid))
        share = f"{unknown:,} of the {characters:,} characters held out ({unknown / characters:.2%})"
        yield DataWarning(f"{share} are unknown to the model; validation leaves them out")
    if data.vectors and data.vectors.not_utf8:
        skipped = plural(data.vectors.not_utf8, "vector")
        yield DataWarning(f"{skipped} of the vector file not used, because the token is not UTF-8")
    if data.mode_doubt:
        because = f"the corpus is read as running text because of {data.mode_doubt}"
        yield DataWarning(because, remedy="line_mode")
