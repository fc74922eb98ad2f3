"""Each format of examples: the right task, the reason that is shown, the first example in words, and all examples."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from charlm.examples import Columns, Example, Labeled, Pair, Place, Series, Tagged
from charlm.examples.detection import NO_COLUMNS, detect
from charlm.examples.reading import read_examples

EU = Tagged(("EU", "left"), ("B-ORG", "O"), None, (("EU", "NNP", "B-ORG"), ("left", "VBD", "O")))
PETER = Tagged(("Peter",), ("B-PER",), None, (("Peter", "NNP", "B-PER"),))
CONLLU = (
    "# text = a b\n1\ta\tA\tDET\tDT\t_\t0\troot\t_\t_\n2-3\tbc\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tb\tB\tNOUN\tNN\t_\t1\tx\t_\t_\n"
)
ROWS = (
    ("1", "a", "A", "DET", "DT", "_", "0", "root", "_", "_"),
    ("2", "b", "B", "NOUN", "NN", "_", "1", "x", "_", "_"),
)
QUESTIONS = "".join(f"{label} Why {n} ?\n" for n, label in enumerate(["DESC:manner", "NUM:date"] * 5))
FORMATS: list[tuple[str, str, Columns, str, str, str, list[Example]]] = [
    (
        *("lines.txt", "__label__a __label__b one  two\n__label__c three", Columns()),
        *("classify", "fasttext", "every line begins with __label__"),
        [Labeled("one  two", ("a", "b")), Labeled("three", ("c",))],
    ),
    (
        *("reviews.csv", 'id,Text,label\n1,"a ""good""\nfilm, yes",pos\n2,bad,neg\n', Columns()),
        *("classify", "table", "the header has the columns 'Text' and 'label'"),
        [Labeled('a "good"\nfilm, yes', ("pos",)), Labeled("bad", ("neg",))],
    ),
    (
        *("reviews.tsv", 'sentence\tlabel\n"a" b\t1\nx, "\t0\n', Columns()),
        *("classify", "table", "the header has the columns 'sentence' and 'label'"),
        [Labeled('"a" b', ("1",)), Labeled('x, "', ("0",))],
    ),
    (
        *("reviews.csv", "stars,kind,text\n5,a,good\n1,b,bad\n", Columns(label="stars")),
        *("classify", "table", "the header has the columns 'text' and 'stars'"),
        [Labeled("good", ("5",)), Labeled("bad", ("1",))],
    ),
    (
        *("news.csv", '"3","T","one"\n"1","U","two"\n' * 5, Columns(text=3, label="1")),
        *("classify", "table", "columns 3 and 1 are the text and the label"),
        [Labeled("one", ("3",)), Labeled("two", ("1",))] * 5,
    ),
    (
        *("words.csv", "word;pronunciation\ncat;k a t\ndog;d o g\n", Columns()),
        *("pair", "table", "the header has the columns 'word' and 'pronunciation'"),
        [Pair("cat", "k a t"), Pair("dog", "d o g")],
    ),
    (
        *("names.tsv", "es\tGarcia\nde\tMeier\nes\tDiaz\nde\tHahn\n" * 3, Columns()),
        *("classify", "two-columns", "the first of two columns has 2 labels"),
        [Labeled(*each) for each in [("Garcia", ("es",)), ("Meier", ("de",)), ("Diaz", ("es",)), ("Hahn", ("de",))]]
        * 3,
    ),
    (
        *("g2p.tsv", "".join(f"w{n}\tw {n}\n" for n in range(10)), Columns()),
        *("pair", "two-columns", "each line has two columns, which differ"),
        [Pair(f"w{n}", f"w {n}") for n in range(10)],
    ),
    (
        *("anki.tsv", "Go.\tVa !\tCC\nRun.\tCours !\tCC\n", Columns(source=1, target=2)),
        *("pair", "two-columns", "each line has two columns"),
        [Pair("Go.", "Va !"), Pair("Run.", "Cours !")],
    ),
    (
        *("sst", "1 a fine film\n0 a dull film\n" * 5, Columns()),
        *("classify", "first-word", "every line begins with one of 2 labels"),
        [Labeled("a fine film", ("1",)), Labeled("a dull film", ("0",))] * 5,
    ),
    (
        *("trec", QUESTIONS, Columns()),
        "classify",
        "first-word",
        "every line begins with a label, such as 'DESC:manner'; the label is the part before the colon",
        [Labeled(f"Why {n} ?", (["DESC", "NUM"][n % 2],)) for n in range(10)],
    ),
    (
        *("trec", QUESTIONS, Columns(label="fine")),
        *("classify", "first-word", "every line begins with a label, such as 'DESC:manner', which is read whole"),
        [Labeled(f"Why {n} ?", (["DESC:manner", "NUM:date"][n % 2],)) for n in range(10)],
    ),
    (
        *("a.jsonl", '{"text": "a", "label": "x"}\n\n{"label": ["x", 1], "text": "b"}\n', Columns()),
        *("classify", "jsonl", "each line is an object with 'text' and 'label'"),
        [Labeled("a", ("x",)), Labeled("b", ("x", "1"))],
    ),
    (
        *("b.jsonl", '{"tokens": ["a", "b"], "ner_tags": [0, 3]}\n', Columns()),
        *("tag", "jsonl", "each line is an object with 'tokens' and 'ner_tags'"),
        [Tagged(("a", "b"), ("0", "3"))],
    ),
    (
        *("c.jsonl", '{"translation": {"de": "Haus", "en": "house"}}\n', Columns()),
        *("pair", "jsonl", "each line is an object with 'de' and 'en'"),
        [Pair("Haus", "house")],
    ),
    (
        *("ner.conll", "-DOCSTART- -X- O\n\nEU NNP B-ORG\nleft VBD O\n\n\nPeter NNP B-PER", Columns()),
        *("tag", "conll", "each line has 3 columns; the last has 3 tags, and blank lines end the sentences"),
        [EU, PETER],
    ),
    (
        *("ner.conll", "EU NNP B-ORG\nleft VBD O\n\nPeter NNP B-PER\n", Columns(tag=2)),
        *("tag", "conll", "each line has 3 columns; column 2 has 2 tags, and blank lines end the sentences"),
        [Tagged(EU.tokens, ("NNP", "VBD"), None, EU.columns), Tagged(PETER.tokens, ("NNP",), None, PETER.columns)],
    ),
    (
        *("pos.tsv", "The\tDET\ncat\tNOUN\n\nGo\tVERB\n", Columns()),
        *("tag", "conll", "each line has 2 columns; the last has 3 tags, and blank lines end the sentences"),
        [
            Tagged(("The", "cat"), ("DET", "NOUN"), None, (("The", "DET"), ("cat", "NOUN"))),
            Tagged(("Go",), ("VERB",), None, (("Go", "VERB"),)),
        ],
    ),
    (
        *("a.conllu", CONLLU, Columns()),
        *("tag", "conllu", "each line has the ten columns of CoNLL-U; the tag is upos"),
        [Tagged(("a", "b"), ("DET", "NOUN"), None, ROWS)],
    ),
    (
        *("a.conllu", CONLLU, Columns(token="lemma", tag="xpos")),
        *("tag", "conllu", "each line has the ten columns of CoNLL-U; the tag is xpos"),
        [Tagged(("A", "B"), ("DT", "NN"), None, ROWS)],
    ),
    (
        *("atis", "at:O 10:30:B-time <=> flight\nhi:O <=> none\n", Columns()),
        *("tag", "slots", "every line has tokens with a colon and a tag, <=>, and a label"),
        [Tagged(("at", "10:30"), ("O", "B-time"), "flight"), Tagged(("hi",), ("O",), "none")],
    ),
    (
        *("cmu.dict", ";;; a comment\nREAD  R EH1 D\nREAD(2)  R IY1 D # a remark\n", Columns()),
        *("pair", "cmudict", "each line has a word and its phones, as in CMUdict"),
        [Pair("READ", "R EH1 D"), Pair("READ", "R IY1 D")],
    ),
    (
        *("eng.tsv", "run\tran\tV;PST\ngo\twent\tV;PST\n", Columns()),
        *("pair", "features", "the last of three columns has features with semicolons"),
        [Pair("run\tV;PST", "ran"), Pair("go\tV;PST", "went")],
    ),
    (
        *("eng.tsv", "run\tV;PST\tran\ngo\tV;PST\twent\n", Columns()),
        *("pair", "features", "the second of three columns has features with semicolons"),
        [Pair("run\tV;PST", "ran"), Pair("go\tV;PST", "went")],
    ),
]


def read(path: Path, columns: Columns = NO_COLUMNS, task: str = "auto") -> list[Example]:
    return list(read_examples(path, task, columns).items)


@pytest.mark.parametrize(("name", "text", "columns", "task", "form", "reason", "items"), FORMATS)
def test_every_format_is_recognized_and_read(
    tmp_path: Path, name: str, text: str, columns: Columns, task: str, form: str, reason: str, items: list[Example]
) -> None:
    path = tmp_path / name
    path.write_text(text, newline="")
    detected = detect(path, columns=columns)
    assert (detected.task, detected.format, detected.reason) == (task, form, reason)
    examples = read_examples(path, detected)
    assert list(examples.items) == items
    assert read(path, columns) == read(path, columns, task) == items
    assert len({each.where for each in examples.items}) == len(items)
    assert {each.where.file for each in examples.items} == {str(path)}


@pytest.mark.parametrize("change", ["crlf", "bom", "gzip", "open"])
@pytest.mark.parametrize("number", range(len(FORMATS)), ids=[f"{each[4]}-{n}" for n, each in enumerate(FORMATS)])
def test_line_ends_a_mark_and_compression_change_nothing(tmp_path: Path, number: int, change: str) -> None:
    name, text, columns, *_, items = FORMATS[number]
    data = text.encode()
    if change == "crlf" and '"a ""good""\n' not in text:  # a newline inside a field is part of it
        data = data.replace(b"\n", b"\r\n")
    data = {"bom": b"\xef\xbb\xbf" + data, "gzip": gzip.compress(data), "open": data.rstrip(b"\n")}.get(change, data)
    path = tmp_path / (name + ".gz" * (change == "gzip"))
    path.write_bytes(data)
    assert read(path, columns) == items


MONTHS = [f"19{49 + n // 12}-{n % 12 + 1:02}" for n in range(15)]
SERIES: list[tuple[str, str, Columns, str, list[tuple[str, list[str], list[float], list[list[float]]]]]] = [
    (
        *("air.csv", "Month,Passengers\n" + "".join(f"{month},{n}\n" for n, month in enumerate(MONTHS)), Columns()),
        "column 'Passengers' has numbers, and column 'Month' has times",
        [("Passengers", MONTHS, [float(n) for n in range(15)], [[]] * 15)],
    ),
    (
        *("sum.csv", "x,y\n1,1\n0,1\n2,3\n5,7\n1,8\n", Columns()),
        "column 'y' has numbers",
        [("y", list("12345"), [1, 1, 3, 7, 8], [[1], [0], [2], [5], [1]])],
    ),
    (
        *("long.csv", "unique_id,ds,y,x\nA,2020-01-31,1,7\nB,1,5,0\nA,2020-03-31,3,9\nA,2020-02-29,2,8\n", Columns()),
        "the header has the columns 'unique_id', 'ds' and 'y'",
        [("A", ["2020-01-31", "2020-02-29", "2020-03-31"], [1, 2, 3], [[7], [8], [9]]), ("B", ["1"], [5], [[0]])],
    ),
    (
        *("wide.csv", '"V1","V2","V3","V4"\n"H1","1","2",""\n"H2","3","4","5e-1"\n', Columns()),
        "each row has a name and numbers",
        [("H1", ["1", "2"], [1, 2], [[]] * 2), ("H2", ["1", "2", "3"], [3, 4, 0.5], [[]] * 3)],
    ),
    (
        *("wide.csv", "country,1990,1991,1992\nA,1,2,3\nB,4,5,6\n", Columns()),
        "each row has a name and numbers",
        [("A", ["1990", "1991", "1992"], [1, 2, 3], [[]] * 3), ("B", ["1990", "1991", "1992"], [4, 5, 6], [[]] * 3)],
    ),
    (
        *("g.jsonl", '{"item_id": "A", "start": "2020", "target": [1, 2.5]}\n', Columns()),
        "each line is an object with 'start' and 'target'",
        [("A", ["2020", "2"], [1, 2.5], [[]] * 2)],
    ),
]


@pytest.mark.parametrize(("name", "text", "columns", "reason", "items"), SERIES)
def test_series_are_read_from_tables(
    tmp_path: Path,
    name: str,
    text: str,
    columns: Columns,
    reason: str,
    items: list[tuple[str, list[str], list[float], list[list[float]]]],
) -> None:
    path = tmp_path / name
    path.write_text(text)
    detected = detect(path, columns=columns)
    assert (detected.task, detected.reason) == ("series", reason)
    for each, (title, times, values, inputs) in zip(read_examples(path, detected).items, items, strict=True):
        assert isinstance(each, Series)
        assert (each.name, list(each.times), each.values.tolist(), each.inputs.tolist()) == (
            title,
            times,
            values,
            inputs,
        )
        assert each.values.dtype == each.inputs.dtype == np.float64


def test_numbers_alone_are_a_series_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n4\n")
    assert detect(path).task == "language"
    (series,) = read_examples(path, "series").items
    assert isinstance(series, Series) and series.values.tolist() == [1, 2, 4]


def test_one_file_serves_several_tasks(tmp_path: Path) -> None:
    (tmp_path / "names.tsv").write_text("es\tGarcia\nde\tMeier\n" * 5)
    assert read(tmp_path / "names.tsv", task="pair")[0] == Pair("es", "Garcia")
    (tmp_path / "atis").write_text("at:O 10:30:B-time <=> flight\n")
    assert read(tmp_path / "atis", task="classify") == [Labeled("at 10:30", ("flight",))]


def test_the_first_example_is_shown_in_words(tmp_path: Path) -> None:
    shown = {
        "__label__a a text": "text = 'a text', label = 'a'",
        "a:X b:Y <=> c": "'a' = 'X', 'b' = 'Y'; label = 'c'",
        "word,pronunciation\ncat,k a t": "source = 'cat', target = 'k a t'",
        "x,y\n1,1\n0,1\n2,3\n5,7\n1,8\n1,9\n": "series 'y' from '1': 1, 1, 3, 7, 8, …; 1 input",
    }
    for text, words in shown.items():
        (tmp_path / "file.csv").write_text(text)
        assert detect(tmp_path / "file.csv").first == words


def test_two_files_of_lines_are_pairs(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n\ntwo\n")
    (tmp_path / "b").write_text("un\n\ndeux")
    examples = read_examples([tmp_path / "a", tmp_path / "b"], "pair")
    assert examples.items == (Pair("one", "un"), Pair("two", "deux"))
    assert examples.items[1].where == Place(str(tmp_path / "a"), 3)
    assert examples.notes == (f"left out 1 blank line of {tmp_path / 'a'} and of {tmp_path / 'b'}",)


def test_notes_say_what_is_left_out_and_what_repeats(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("__label__a x\n\n__label__b y\n__label__a x\n")
    examples = read_examples(path)
    assert examples.notes == (
        f"left out 1 blank line of {path}",
        f"1 example repeats an earlier one, the first in {path}:4",
    )
    table = tmp_path / "a.csv"
    table.write_text("text,label\n,a\nx,a\n")
    assert read_examples(table).notes == (f"left out 1 row of {table} whose text is empty, the first in line 2",)


def test_the_fingerprint_is_of_the_examples(tmp_path: Path) -> None:
    for name, text in {"a": "1 x\n0 y\n" * 5, "b": "1 x\n0 y\n" * 4 + "1 x\n\n0 y", "c": "1 x\n0 z\n" * 5}.items():
        (tmp_path / name).write_text(text)
    prints = [read_examples(tmp_path / name).sha256 for name in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_a_table_line_is_where_its_row_begins(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"one\ntwo\nthree",a\nfour,b\n')
    assert [each.where.line for each in read_examples(tmp_path / "a.csv").items] == [2, 5]


def test_the_package_does_not_import_torch() -> None:
    imports = "import sys, charlm.examples.holding_out, charlm.examples.detection as detection"
    program = f"{imports}; detection.formats(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
