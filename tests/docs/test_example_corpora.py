"""The sets of examples that come with charlm, and the scripts that make them."""

import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from corpus_scripts import FOLDER, load_script

films, teddy, french, names, bakery = map(load_script, ("films", "teddy", "french", "names", "bakery"))


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (films, "films.txt"),
        (teddy, "teddy.conll"),
        (french, "french.tsv"),
        (names, "names.tsv"),
        (bakery, "bakery.csv"),
    ],
)
def test_a_script_writes_its_file_in_the_folder(
    script: ModuleType, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "HERE", tmp_path)
    assert script.main() == 0
    content = (tmp_path / name).read_bytes()
    assert content == (FOLDER / name).read_bytes() and len(content) < 600_000
    monkeypatch.setattr(script, "HERE", tmp_path / "missing")
    assert script.main() == 2


def test_remarks_are_different_and_half_of_them_are_positive() -> None:
    labels, texts = zip(*(line.split(" ", 1) for line in lines("films.txt")), strict=True)
    assert Counter(labels) == {"__label__positive": 3000, "__label__negative": 3000}
    assert len(set(texts)) == 6000
    assert all(re.fullmatch(r"[a-z]+(,? [a-z]+)*", text) for text in texts)


def test_what_follows_but_decides_and_a_negation_turns_a_remark() -> None:
    """What follows "but" is a remark of its own in the grammar, with the label of the whole."""
    label_of = {text: label for label, text in (line.split(" ", 1) for line in lines("films.txt"))}
    ends = [(text.split(", but ")[1], label) for text, label in label_of.items() if ", but " in text]
    again = [label_of[end] == label for end, label in ends if end in label_of]
    assert len(again) > 100 and all(again)
    for text, label in label_of.items():
        if re.fullmatch("there is nothing to (dislike|hate) in this [a-z ]+", text):
            assert label == "__label__positive"
    shares = Counter(label for text, label in label_of.items() if "dull" in text)
    assert min(shares.values()) > 0.25 * shares.total(), "the word alone does not decide"


def sentences() -> list[list[tuple[str, str]]]:
    blocks = (FOLDER / "teddy.conll").read_text("ascii").rstrip("\n").split("\n\n")
    return [[(word, tag) for word, tag in (line.split("\t") for line in block.split("\n"))] for block in blocks]


def test_the_first_tag_cannot_be_known_from_the_left() -> None:
    """Each first word has both tags equally often, so one of two is the most that reading from the left gives."""
    tags: dict[str, Counter[str]] = {}
    for sentence in sentences():
        tags.setdefault(sentence[0][0], Counter())[sentence[0][1]] += 1
    assert len(tags) == 24
    for word, counts in tags.items():
        assert set(counts) == {"B-PER", "O"} and counts["B-PER"] == counts["O"], word


def test_what_follows_the_first_word_settles_its_tag() -> None:
    """No end of a sentence occurs after a name and after another thing, and no two sentences are equal."""
    all_sentences = sentences()
    ends: dict[str, set[str]] = {}
    for sentence in all_sentences:
        ends.setdefault(" ".join(word for word, _ in sentence[1:]), set()).add(sentence[0][1])
    assert all(len(tags) == 1 for tags in ends.values())
    assert len({tuple(sentence) for sentence in all_sentences}) == 6000
    words = sum(map(len, all_sentences))
    assert f"{100 * (1 - 3000 / words):.1f} % of the words" in (FOLDER / "README.md").read_text("utf-8")


def test_a_first_tag_is_settled_near_by_or_far_away() -> None:
    """The second word may be the same in twins, and so may all words but the last ones."""
    for twins in teddy.pairs():
        texts = [[word for word, _ in sentence] for sentence in twins]
        same = next(i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b)
        assert same >= 1
        assert [sentence[0][1] for sentence in twins] == ["B-PER", "O"]
    assert {"Teddy", "bears", "Roosevelt"} <= {word for sentence in sentences() for word, _ in sentence}


def test_tags_are_valid_iob2() -> None:
    for sentence in sentences():
        tags = [tag for _, tag in sentence]
        assert set(tags) <= {"B-PER", "I-PER", "B-LOC", "O"}
        assert all(before == "B-PER" for before, tag in zip(["O", *tags], tags, strict=False) if tag == "I-PER")


def test_each_french_sentence_occurs_once() -> None:
    pairs = [line.split("\t") for line in lines("french.tsv")]
    assert all(len(pair) == 2 for pair in pairs)
    assert len({source for source, _ in pairs}) == 6000


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("un ours blanc chante", "a white bear sings"),
        ("le vieux professeur achète une pomme rouge", "the old teacher buys a red apple"),
        ("est-ce que cet ami attend aujourd'hui ?", "does this friend wait today?"),
        ("les ours trouvent les lettres noires", "the bears find the black letters"),
    ],
)
def test_a_sentence_has_its_translation(source: str, target: str) -> None:
    assert f"{source}\t{target}" in lines("french.tsv")


def test_french_is_written_as_people_write_it() -> None:
    """No short word keeps its vowel before another, adjectives agree, and "pas" is not followed by "un"."""
    text = (FOLDER / "french.tsv").read_text("utf-8")
    assert not re.search(r"\b(le|la|ne|que|ce|ma) [aeiouéèêâàôœ]", text)
    assert not re.search(r"\b(les|des|mes|ces|deux) (grande?|petite?|bon|bonne|belle|beau|jeune|vieille)\b", text)
    assert not re.search(r"\bpas (un|une|deux)\b", text)
    assert not re.search(r"\ba [aeio]\w* ", "\n".join(line.split("\t")[1] for line in text.splitlines()))


def test_a_name_belongs_to_one_language_and_follows_its_rules() -> None:
    pairs = [line.split("\t") for line in lines("names.tsv")]
    assert Counter(language for language, _ in pairs) == {"Ostari": 2400, "Bellun": 2400, "Gramsk": 2400}
    assert len({name for _, name in pairs}) == 7200
    for language, name in pairs:
        letters = name.lower()
        if language == "Ostari":
            assert not (set(letters) & set("eiy") and set(letters) & set("aou")), name
        elif language == "Bellun":
            assert re.fullmatch(r"(([bdgtpslnrmvfc]|ll|nn|tt|rr|ss|mm|pp)(ia|ie|[aeiou]))+", letters), name
        else:
            assert letters[-1] not in "aeiouy", name


def test_series_have_every_hour_and_the_last_week_can_be_held_out() -> None:
    rows = [line.split(",") for line in lines("bakery.csv")]
    assert rows[0] == ["unique_id", "ds", "y"]
    for number, each in enumerate(bakery.BAKERIES):
        series = rows[1 + 1344 * number : 1 + 1344 * (number + 1)]
        assert {row[0] for row in series} == {each.name}
        times = [datetime.fromisoformat(row[1]) for row in series]
        assert times == [datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(1344)]
        assert all(re.fullmatch(r"\d+\.\d", row[2]) for row in series), "sales are not negative"
    assert len(rows) == 1 + 5 * 1344


def test_the_errors_of_the_best_forecast_are_in_the_readme() -> None:
    """The noise has a triangular distribution up to n: its mean size is n / 3, and its standard deviation n / √6."""
    readme = (FOLDER / "README.md").read_text("utf-8")
    errors = bakery.errors((FOLDER / "bakery.csv").read_text("ascii"))
    for each in bakery.BAKERIES:
        absolute, square = errors[each.name]
        assert absolute == pytest.approx(each.noise / 3, rel=0.06)
        assert square == pytest.approx(each.noise / 6**0.5, rel=0.06)
        assert f"| {each.name} | {absolute:.2f} | {square:.2f} |" in readme
