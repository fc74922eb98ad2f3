"""Figures whose right value is known: bytes of a file, the entropy of random text, and the ranks of log keys."""

import math
import random
import string
from functools import partial
from pathlib import Path

import pytest

import charlm
from charlm.comparison.baseline import train_ngram
from charlm.comparison.compare import ComparedModel, compare
from charlm.comparison.long_documents import evaluate_documents
from charlm.config import TextMode
from charlm.data.corpus import read
from charlm.data.documents import Document
from charlm.data.sequences import all_sequences
from charlm.nn.probability import log_probabilities

WORDS = [
    "naïve",
    "▁mark",
    "snow☃",
    "🐈‍⬛",
    "👩‍👩‍👧",
    "漢字",
    "ไทย",
    "שלום",
    "a\u200bb",
    "tab\tbed",
    "<s>",
    "<unk>",
    "▅",
    "\u0301",
    "the",
]


def words(lines: int, seed: int) -> str:
    draw = random.Random(seed)
    return "".join(" ".join(draw.choice(WORDS) for _ in range(7)) + "\n" for _ in range(lines))


TEXT = words(60, 16)
FILES = {
    "LF": TEXT.encode(),
    "CR LF": TEXT.replace("\n", "\r\n").encode(),
    "open last line": TEXT.removesuffix("\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "long": words(500, 17).encode(),
}
SMALL = charlm.ModelConfig(hidden_size=16, layers=1, embedding_size=8, ngram="none")


def trained(
    text: str, sequence: str, tokenizer: str = "char", steps: int = 2, **settings: object
) -> charlm.LanguageModel:
    shape = charlm.ModelConfig(
        hidden_size=16,
        layers=1,
        embedding_size=8,
        sequence=sequence,
        tokenizer=tokenizer,
        **settings,  # type: ignore[arg-type]
    )
    config = charlm.TrainConfig(steps=steps, learning_rate=1e-2, batch_size=16, seq_len=32, threads=1)
    return charlm.train(text, shape, config)


@pytest.mark.parametrize("tokenizer", ["char", "byte", "word", "subword"])
@pytest.mark.parametrize("sequence", ["stream", "line"])
def test_bits_per_byte_and_per_character_are_of_the_same_sum(tokenizer: str, sequence: str, tmp_path: Path) -> None:
    """The bytes are those of the file, less a byte order mark. A model of lines counts each line end once."""
    model = trained(words(300, 1), sequence, tokenizer)
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
        text = data.decode().removeprefix("\ufeff")
        if sequence == "line":
            text = "".join(f"{line}\n" for line in charlm.lines(text))
        (found,) = evaluate_documents(model, read([tmp_path / name]).documents)
        assert (found.characters, found.bytes) == (len(text), len(text.encode())), name
        if name == "CR LF" and sequence == "stream" and tokenizer in ("char", "word"):
            assert found.unknown == text.count("\r") and found.bits_per_byte is None  # the model knows no CR
            continue
        bits = found.nats_per_token * found.tokens / math.log(2)
        assert found.unknown == 0
        assert found.bits_per_byte * found.bytes == pytest.approx(bits)
        assert found.bits_per_char * found.characters == pytest.approx(bits)


def test_the_signs_of_sentencepiece_are_characters_of_a_text() -> None:
    """▁ is three bytes, and <s> is three letters."""
    text = "▁mark ▅ 🐈‍⬛ <s>"
    score = trained(words(300, 1), "stream", "subword").score(text)
    assert score.unknown == 0 and None not in score.tokens
    assert score.lengths is not None and sum(score.lengths) == len(text)


def domains(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return [
        "".join(draw.choice(string.ascii_lowercase) for _ in range(draw.randint(12, 18))) + ".com" for _ in range(count)
    ]


def digits(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice("0123456789") for _ in range(count))


def dna(seed: int, count: int) -> str:
    draw = random.Random(seed)
    letters = "".join(draw.choice("ACGT") for _ in range(count))
    return "".join(letters[start : start + 60] + "\n" for start in range(0, count, 60))


def entropy_of_domains(names: list[str]) -> float:
    """A length of 12 to 18 and its letters; '.com' and the end are certain."""
    bits = sum(math.log2(7) + (len(name) - 4) * math.log2(26) for name in names)
    return bits / sum(len(name) + 1 for name in names)


FRESH_DOMAINS = domains(2, 700)
RANDOM = {
    "digits": ("\n" + digits(5, 20_000), digits(6, 20_000), math.log2(10), 1.01),
    "DNA": (dna(3, 20_000), dna(4, 20_000), 2 * 60 / 61, 1.08),
    "domains": (
        "\n".join(domains(1, 1500)) + "\n",
        "\n".join(FRESH_DOMAINS) + "\n",
        entropy_of_domains(FRESH_DOMAINS),
        1.04,
    ),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_no_figure_of_random_text_is_below_its_entropy(kind: str) -> None:
    """A loss below the entropy would be a leak of the future. 0.5 % is allowed for chance."""
    text, fresh, entropy, near = RANDOM[kind]
    losses: list[float] = []

    def collect(event: object) -> None:
        if type(event).__name__ == "Validated":
            losses.append(event.evaluation.bits_per_char)  # type: ignore[attr-defined]

    sequence = "line" if kind == "domains" else "stream"
    shape = charlm.ModelConfig(hidden_size=16, layers=1, embedding_size=8, sequence=sequence)
    config = charlm.TrainConfig(steps=150, learning_rate=1e-2, batch_size=16, seq_len=64, threads=1)
    model = charlm.train(text, shape, config, report=collect)
    found = model.evaluate(fresh).bits_per_char
    assert found is not None and entropy * 0.995 <= found <= entropy * near
    assert min(losses) >= entropy * 0.98  # on 2,000 characters
    mode = TextMode(sequence)
    ngram = train_ngram(model, 5, all_sequences([Document("text", text)], mode))
    network = ComparedModel("network", model.tokenizer, model.line, partial(log_probabilities, model.network))
    both = compare(network, ComparedModel("kn5", model.tokenizer, model.line, ngram.log_probabilities), [fresh])
    assert both.bits_per_char[0] == pytest.approx(found, rel=1e-3)
    assert both.bits_per_char[1] >= entropy * 0.995


def test_the_rank_of_a_log_key_is_one_more_than_the_number_of_likelier_ones() -> None:
    """DeepLog asks whether a key is among the g likeliest; sessions of one key, of none, and a key never seen."""
    draw = random.Random(19)
    middles = [["11", "9"], ["26", "26", "4"], ["3"]]
    sessions = [
        " ".join(["5", "5", "22", *(key for _ in range(draw.randint(1, 4)) for key in draw.choice(middles)), "21"])
        for _ in range(500)
    ]
    model = trained("\n".join(sessions) + "\n", "line", "word", steps=60, closed=True)
    tests = ["5 5 22 11 9 21", "5", "", "5 5 22 11 9 99 21", "22 5 9", "5 5 22 3 3", "  5 5 22 "]
    scores = model.score_many(tests, alternatives=model.tokenizer.size)
    assert [len(score.tokens) for score in scores] == [12, 2, 1, 14, 6, 10, 9]
    for score in scores:
        assert score.ranks is not None and score.alternatives is not None
        for logprob, rank, alternatives in zip(score.logprobs, score.ranks, score.alternatives, strict=True):
            assert len(alternatives) == model.tokenizer.size
            assert rank == 1 + sum(other > logprob for _, other in alternatives)
    seen, unseen = scores[0], scores[3]
    assert seen.ranks is not None and max(seen.ranks) <= 9
    assert unseen.unknown == 2 and unseen.tokens[10] is None and unseen.perplexity_known is not None
    assert math.isfinite(unseen.logprob_known) and unseen.logprob == -math.inf
    assert all("\ufffd" not in sample.text for sample in model.sample(count=50, seed=1))
