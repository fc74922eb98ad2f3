"""The corpora that come with charlm, and the scripts that make them."""

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from types import ModuleType

import pytest
from corpus_scripts import FOLDER, load_script
from hypothesis import given, settings
from hypothesis import strategies as st

Grammar = dict[str, list[tuple[float, tuple[str, ...]]]]


cats, court, dna, tunes = map(load_script, ("cats", "court", "dna", "tunes"))
CATS, DNA = ((FOLDER / name).read_text("ascii").splitlines() for name in ("cats.txt", "dna.txt"))
TUNES = (FOLDER / "tunes.abc").read_text("ascii").rstrip("\n").split("\n\n")


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (cats, ["cats.txt", "cats-pairs.tsv"]),
        (court, ["court.txt"]),
        (dna, ["dna.txt"]),
        (tunes, ["tunes.abc"]),
    ],
)
def test_a_script_writes_its_files_in_the_folder(
    script: ModuleType, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["script"])
    monkeypatch.setattr(script, "HERE", tmp_path)
    assert script.main() == 0
    for name in names:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
    monkeypatch.setattr(script, "HERE", tmp_path / "missing")
    assert script.main() == 2


def test_at_court_deeds_go_by_station_and_clothes_by_sex() -> None:
    """Whoever is named, what stands beside is of the same station and sex: that is what makes the analogies."""
    place = {person: (station, sex) for station, both in court.PERSONS.items() for sex, person in enumerate(both)}
    for line in (FOLDER / "court.txt").read_text("ascii").splitlines():
        words = line.split()
        (person,) = set(words) & set(place)
        station, sex = place[person]
        verbs, things = court.DEEDS[station]
        assert set(words) & set(verbs) and set(words) & set(things), line
        other = court.SEXES[1 - sex]
        assert not set(words) & {*other[:3], *other[3]}, line


def test_the_rules_are_probabilities_of_lower_case_words() -> None:
    for head, rule in cats.GRAMMAR.items():
        assert math.isclose(sum(probability for probability, _ in rule), 1), head
        words = {symbol for _, symbols in rule for symbol in symbols} - set(cats.GRAMMAR)
        assert all(re.fullmatch("[a-z0-9]+|,", word) for word in words), head


def test_every_rule_is_of_use_and_derivations_end() -> None:
    """A rule out of reach has no visits; where derivations need not end, some are negative."""
    assert min(cats.visits(cats.GRAMMAR).values()) > 0
    assert cats.visits(cats.read_grammar("Line = a | 2: Line Line"))["Line"] < 0
    assert cats.visits(cats.read_grammar("Line = a\nIdle = b"))["Idle"] == 0


def test_the_grammar_is_unambiguous() -> None:
    """It is LL(1): the table exists, and every alternative is in it."""
    for head, row in cats.parse_table(cats.GRAMMAR).items():
        assert set(row.values()) == set(cats.GRAMMAR[head])


@pytest.mark.parametrize(
    "rules",
    [
        "Line = the cat | the Who\nWho = cat | dog",  # two ways to one word
        "Line = Old Old\nOld = | old",  # which of the two is empty?
        "Line = if Line Else | stop\nElse = | else Line",  # whose else?
        "Line = Line and Line | cat",  # which and first?
        "Line = cat | cat",
    ],
)
def test_an_ambiguous_grammar_is_caught(rules: str) -> None:
    with pytest.raises(ValueError, match=r"not LL\(1\): two alternatives of (Line|Old|Else)"):
        cats.parse_table(cats.read_grammar(rules))


def derived(grammar: Grammar, steps: int, limit: int) -> Iterator[tuple[str, ...]]:
    """What the leftmost derivations from Line end in, once for each, up to limits on the search."""
    forms: list[tuple[tuple[str, ...], int]] = [(("Line",), 0)]
    for form, used in forms:
        place = next((i for i, symbol in enumerate(form) if symbol in grammar), None)
        if place is None:
            yield form
        elif used < steps and len(forms) < limit:
            before, after = form[:place], form[place + 1 :]
            forms += [(before + symbols + after, used + 1) for _, symbols in grammar[form[place]]]


symbols = st.lists(st.sampled_from(["Line", "Some", "a", "b"]), max_size=3).map(tuple)
rules = st.lists(st.tuples(st.just(1.0), symbols), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.fixed_dictionaries({"Line": rules, "Some": rules}))
def test_what_the_check_lets_pass_is_unambiguous(grammar: Grammar) -> None:
    """The derivations of small grammars, tried one by one, bear the check out."""
    try:
        cats.parse_table(grammar)
    except ValueError:
        return
    assert max(Counter(derived(grammar, steps=9, limit=400)).values(), default=1) == 1


def test_cats_is_many_lower_case_lines_that_parse() -> None:
    assert len(CATS) >= 5000
    assert all(re.fullmatch(r"[a-z0-9]+(,? [a-z0-9]+)*", line) for line in CATS)
    assert all(cats.bits(line) > 0 for line in CATS)


def test_cats_tells_how_long_cats_sleep() -> None:
    for line in "cats average 15 hours", "cats average 15 hours of sleep a day":
        assert cats.bits(line) < 12
        assert CATS.count(line) >= 5


def test_the_verb_agrees_across_the_clause() -> None:
    for who, was, were in ("cat", "was", "were"), ("cats", "were", "was"):
        assert cats.bits(f"the {who}, which already ate the fish, {was} full") > 0
        with pytest.raises(ValueError, match=f"^word 8 is '{were}'"):
            cats.bits(f"the {who}, which already ate the fish, {were} full")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("cats average 12 hours", "word 3 is '12'"),
        ("cats average 15", "word 4 is missing"),
        ("cats average 15 hours ", "word 5 is ''"),
        ("cats average 15 hours \n", r"word 5 is '\\n'"),
        ("Cats average 15 hours", "word 1 is 'Cats'"),
        ("the cat,which slept, was full", "word 3 is ',which'"),
    ],
)
def test_not_in_the_language(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        cats.bits(line)


def test_bits_by_hand() -> None:
    """Line: Fact has 12 of 50 + 14 + 12 + 3 + 2 + 4 + 8 + 6 + 3 + 11 = 113.

    Fact: cats have 4 of 4 + 2 + 2 + 29 = 37. Cats: average has 5 of 5 + 3 + 2 + 2 = 12.
    Hours: nothing more has 1 of 2. In all 20 of 8362.
    """
    assert math.isclose(cats.bits("cats average 15 hours"), math.log2(8362 / 20))


def test_probabilities_of_all_facts_sum_to_that_of_fact() -> None:
    """The facts are 32 animals by 4 hours, 6 diets, a home and a habit; Line gives them 12 of 113."""
    facts = list(derived(cats.GRAMMAR | {"Line": [(1.0, ("Fact",))]}, steps=9, limit=10_000))
    assert len(facts) == 32 * (4 + 6 + 1 + 1)
    assert math.isclose(sum(2 ** -cats.bits(" ".join(words)) for words in facts), 12 / 113)


@pytest.mark.parametrize(
    ("rules", "bits", "chars"),
    [
        ("Line = cat , dog | cats", 1, (len("cat, dog\n") + len("cats\n")) / 2),
        ("Line = a Line | bc", 2, 1 * 2 + 3),  # one a on average
        ("Line = 3: x | Line Line", 2 * (2 - 0.75 * math.log2(3)), 1.5 * 2),  # two nodes, 3/4 of them leaves
    ],
)
def test_entropy_by_hand(rules: str, bits: float, chars: float) -> None:
    exact = cats.entropy(cats.read_grammar(rules))
    assert (exact.bits_per_line, exact.chars_per_line) == pytest.approx((bits, chars))


def test_entropy_is_what_the_lines_of_cats_cost() -> None:
    """The means over cats.txt are within 4 standard errors of the exact ones."""
    exact, bits, chars = cats.entropy(), list(map(cats.bits, CATS)), [len(line) + 1 for line in CATS]
    assert abs(fmean(bits) - exact.bits_per_line) < 4 * stdev(bits) / len(CATS) ** 0.5
    assert abs(fmean(chars) - exact.chars_per_line) < 4 * stdev(chars) / len(CATS) ** 0.5
    assert 0.8 < exact.bits_per_char < 1.6
    assert f"**{exact.bits_per_char:.4f}**" in (FOLDER / "README.md").read_text("ascii")


@pytest.mark.parametrize("seed", range(50))
def test_one_and_many_are_twins(seed: int) -> None:
    """With the verb of the other number a sentence is wrong, and it is at the verb that it goes wrong."""
    one, many = (cats.draw(Random(seed), f"Subject{number}") for number in "12")
    eats, eat = (cats.draw(Random(seed), f"Verb{number}") for number in "12")
    assert eats.split()[0] != eat.split()[0] and eats.split()[1:] == eat.split()[1:]
    assert math.isclose(cats.bits(f"this {one} {eats}"), cats.bits(f"these {many} {eat}"))
    for subject, verb in (one, eat), (many, eats):
        with pytest.raises(ValueError, match=f"^word {len(subject.split()) + 2} is '{verb.split()[0]}'"):
            cats.bits(f"the {subject} {verb}")


def test_every_distance_from_subject_to_verb() -> None:
    random = Random(0)
    distances = Counter(len(cats.draw(random, "Subject1").split()) - 1 for _ in range(20_000))
    assert min(distances[distance] for distance in range(21)) >= 5


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("cats average 15 hours\n" * 2, (f"{math.log2(8362 / 20) / 22:.4f} bits per character\n", "")),
        ("", ("", "cats.py: no lines to score\n")),
        ("cats jump", ("", "cats.py: line 1: word 2 is 'jump': no sentence of the grammar continues so\n")),
    ],
)
def test_score(text: str, answer: tuple[str, str]) -> None:
    command = [sys.executable, str(FOLDER / "cats.py"), "--score", "-"]
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == answer
    assert run.returncode == (2 if run.stderr else 0)


def test_pairs_go_wrong_at_the_verb_and_nowhere_else() -> None:
    """So many words after "the" and the subject; neither form of a verb is right more often; none is in cats.txt."""
    known, forms = set(CATS), Counter[tuple[str, str]]()
    distances: Counter[int] = Counter()
    for line in (FOLDER / "cats-pairs.tsv").read_text("ascii").splitlines():
        good, bad, number = line.split("\t")
        place = int(number) + 2
        distances[int(number)] += 1
        words, others = good.split(), bad.split()
        assert words[:place] + words[place + 1 :] == others[:place] + others[place + 1 :]
        assert cats.bits(good) > 0 and good not in known
        with pytest.raises(ValueError, match=f"^word {place + 1} is '{others[place]}'"):
            cats.bits(bad)
        forms[words[place], others[place]] += 1
    assert distances == dict.fromkeys(range(21), 100)
    assert all(forms[wrong, right] == count for (right, wrong), count in forms.items())


def test_dna_lines_are_genes() -> None:
    """From its first ATG on, a line is codons, and of these the last alone is a stop."""
    assert len(DNA) >= 300
    leaders = [line[: line.index("ATG")] for line in DNA]
    for line, leader in zip(DNA, leaders, strict=True):
        assert re.fullmatch("[ACGT]{100,1000}", line)
        assert not leader or re.search("AGGAGG[ACGT]{5,8}$", leader)
        codons = re.findall(".{1,3}", line.removeprefix(leader))
        assert {len(codon) for codon in codons} == {3}
        assert [codon in ("TAA", "TAG", "TGA") for codon in codons].index(True) == len(codons) - 1
    assert sum("TATAAT" in leader for leader in leaders) > len(DNA) / 8


NOTE = r"([A-Ga-g])[,']*(\d*)"


def test_tunes_are_dances() -> None:
    """Every bar fills the meter; parts are repeated; their phrases begin alike and end on the tonic."""
    for number, tune in enumerate(TUNES, 1):
        fields = dict(re.findall("^(.):(.*)$", tune, re.MULTILINE))
        head, *parts = re.split(r"^\|:", tune, flags=re.MULTILINE)
        assert re.sub(":.*\n", "", head) == "XTRMLK" and fields["X"] == str(number)
        assert len(parts) == 2
        for part in parts:
            assert re.fullmatch(r"[^:]*(:\||\|1 [^:]*:\|2 [^:]*\|\|)\s*", part)
            bars = re.split(r"[:|]+[12]? ?", part.replace("\n", ""))[:-1]
            assert len(bars) == 8 + ("|2" in part) and bars[:2] == bars[4:6]
            assert {re.findall(NOTE, end)[-1][0].upper() for end in bars[7:]} == {fields["K"][0]}
            for bar in bars:
                assert re.fullmatch(rf"({NOTE} ?)+", bar)
                length = sum(int(length or 1) for _, length in re.findall(NOTE, bar))
                assert length * Fraction(fields["L"]) == Fraction(fields["M"])
