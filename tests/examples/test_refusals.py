"""Each refusal of a file of examples, word for word: the file, the line, what is wrong, and what to do."""

from pathlib import Path
from typing import Any

import pytest

from charlm.cli.remedies import advise
from charlm.errors import CharlmError
from charlm.examples import Columns
from charlm.examples.detection import NO_COLUMNS
from charlm.examples.reading import read_examples, read_inputs

WIDE, TALL = "x" * 140_000, "a" * 300
# fmt: off
REFUSALS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("t.txt", "__label__a one\ntwo\n", "classify", {},
     "t.txt:2 does not begin with __label__; give the line a label, or remove it"),
    ("t.txt", "__label__a one\n__label__ two\n", "classify", {},
     "t.txt:2 has no label; give each example one, or remove the line"),
    ("t.txt", f"__label__{TALL} one\n", "classify", {},
     "t.txt:1 has a label of 300 characters, 'aaaaaaaaaaaaaaaaaaaaaaa…'; a label has at most 256, so "
     "check which column it is"),
    ("t.txt", f"__label__a {WIDE}\n", "classify", {},
     "t.txt:1 has a text of 140,000 characters, and at most 131,072 are read; shorten it"),
    ("t.txt", "__label__a one\n__label__b t\u0000wo\n", "classify", {},
     "t.txt:2 contains NUL, which no format of examples has; remove it"),
    ("t.txt", "", "classify", {},
     "t.txt contains no example: 0 characters"),
    ("t.txt", " \n\n", "classify", {},
     "t.txt contains no example: 3 characters"),
    ("t.txt", "some plain text\nand more of it\n", "classify", {},
     "t.txt is plain text, without examples for the task classify; write a label, a tab, and a text on "
     "each line"),
    ("t.txt", "some plain text\nand more of it\n", "tag", {},
     "t.txt:2 has 4 columns, and line 1 has 3; correct or remove the line"),
    ("t.txt", "some plain text\nand more of it\n", "pair", {},
     "t.txt is plain text, without examples for the task pair; write a source, a tab, and its target on "
     "each line, or give a file of sources and one of their targets"),
    ("t.txt", "some plain text\nand more of it\n", "series", {},
     "t.txt is plain text, without examples for the task series; write a header and a column of numbers, as CSV"),
    ("t.csv", "text,label\na plum,fruit\na hen\n", "classify", {},
     "t.csv:3 has 1 column, and the header has 2; correct or remove the row"),
    ("t.csv", "text,label\na plum,fruit\na hen,beast,2\n", "classify", {},
     "t.csv:3 has 3 columns, and the header has 2; correct or remove the row"),
    ("t.csv", "text,label\na plum,\n", "classify", {},
     "t.csv:2 has no label; give each example one, or remove the line"),
    ("t.csv", 'text,label\n"a plum,fruit\nb,beast\n', "classify", {},
     "t.csv:2 begins a row with a quotation mark that is not closed; close it"),
    ("t.csv", 'text,label\n"a" plum,fruit\n', "classify", {},
     't.csv:2 has a quotation mark inside a quoted field; write "" for it'),
    ("t.csv", f"text,label\n{WIDE},fruit\n", "classify", {},
     "t.csv:2 begins a row with a field of more than 131,072 characters; shorten it, or look for a "
     "quotation mark that is not closed"),
    ("t.csv", "review,kind\na,b\n", "classify", {},
     "t.csv has the columns 'review' and 'kind', of which none is called 'label' or 'labels' or 'class'; "
     "name it: --label-column kind"),
    ("t.csv", "text,topic,label\na,b,c\n", "classify", {},
     "t.csv has 2 columns that may have the labels, 'label' and 'topic'; name it: --label-column label"),
    ("t.csv", "text,label\na,b\n", "classify", {"label": "lable"},
     "t.csv has no column 'lable' for label_column; did you mean 'label'?"),
    ("t.csv", "text,label\na,b\n", "classify", {"label": 5},
     "t.csv has no column 5 for label_column; it has the columns 'text' and 'label'"),
    ("t.csv", "text,stars\na,1.5\nb,2.25\nc,1\n", "classify", {"label": "stars"},
     "column 'stars' of t.csv has numbers such as 1.5 (line 2), which are not labels; name it: "
     "--label-column NAME"),
    ("t.csv", "text,label\na,b\n", "classify", {"text": "label", "label": "label"},
     "column 'label' of t.csv cannot be the text and the label; name it: --label-column text"),
    ("t.csv", "text,label,source,target\na,b,c,d\n", "auto", {},
     "t.csv has columns for a text and its label, and columns for a source and its target; name the task: "
     "--task classify or --task pair"),
    ("t.tsv", "a\tb\nc\td\na\tb\nc\td\na\tb\nc\td\n", "auto", {},
     "t.tsv has two columns, which may be a text and its label, or a source and its target; name the "
     "task: --task classify or --task pair"),
    ("t.tsv", "a\tb\nb\ta\na\tb\nb\ta\na\tb\nb\ta\na\tb\nb\ta\na\tb\nb\ta\na\tb\nb\ta\n", "classify", {},
     "the labels of t.tsv may be in column 1, such as 'a', or in column 2, such as 'b'; name it: "
     "--label-column 1"),
    ("t.tsv", "a b\tc\nd\te\tf\ng\th\n", "pair", {},
     "t.tsv:2 has 3 columns, and each other line has 2; correct or remove the row"),
    ("t.tsv", "a b\tc\n\td\n", "pair", {},
     "t.tsv:2 has an empty source; write one, or remove the line"),
    ("t.jsonl", '{"text": "a", "label": "b"}\nnothing\n', "classify", {},
     "t.jsonl:2 is not an object in JSON; correct the line"),
    ("t.jsonl", '{"text": "a", "label": "b"}\n{"text": "a"}\n', "classify", {},
     "t.jsonl:2 has no 'label'; add it, or remove the line"),
    ("t.jsonl", '{"text": "a", "label": "b"}\n{"text": 5, "label": "b"}\n', "classify", {},
     "t.jsonl:2 has a 'text' that is not a text; write it in quotation marks"),
    ("t.jsonl", '{"text": "a", "label": "b"}\n{"text": "a", "label": 1.5}\n', "classify", {},
     "t.jsonl:2 has the number 1.5 as its 'label', which is not a label; name it: --label-column NAME"),
    ("t.jsonl", '{"text": "a", "label": "b"}\n{"text": "a", "label": null}\n', "classify", {},
     "t.jsonl:2 has a 'label' that is not a label; write a text, a whole number, or a list"),
    ("t.jsonl", '{"text": "a", "label": "b", "topic": "c"}\n', "classify", {},
     "t.jsonl has 2 keys that may have the labels, 'label' and 'topic'; name it: --label-column label"),
    ("t.jsonl", '{"title": "a", "label": "b"}\n', "classify", {},
     "t.jsonl has objects with the keys 'title' and 'label', of which none is the text; name it: "
     "--text-column NAME"),
    ("t.jsonl", '{"tokens": ["a", "b"], "tags": ["c"]}\n', "tag", {},
     "t.jsonl:1 has 2 tokens and 1 tag; give each token one tag"),
    ("t.jsonl", '{"tokens": ["a"], "tags": ["c"]}\n{"tokens": "a", "tags": ["c"]}\n', "tag", {},
     "t.jsonl:2 has a 'tokens' that is not a list of texts; write one text for each token"),
    ("t.jsonl", '{"text": "a", "label": "b", "source": "c", "target": "d"}\n', "auto", {},
     "t.jsonl has objects with the keys 'text', 'label', 'source' and 'target', which fit classify and "
     "pair; name the task: --task classify or --task pair"),
    ("t.jsonl", '{"start": "1", "target": [1, 2]}\n{"start": "1", "target": [1, "x"]}\n', "series", {},
     "t.jsonl:2 has 'x' as number 2 of 'target', which is not a number"),
    ("t.jsonl", '{"start": "1", "target": [1, 2]}\n{"start": "1", "target": []}\n', "series", {},
     "t.jsonl:2 has no 'target' with numbers; give a list of them"),
    ("t.conll", "a X\nb Y\n\nc\n", "tag", {},
     "t.conll:4 has 1 column, and line 1 has 2; correct or remove the line"),
    ("t.conll", "a B-X\nb O\n\n" * 30 + "c Z\n", "tag", {},
     "t.conll:91 has the tag 'Z', but other tags mark spans, such as 'B-X'; write O, or B- or I- and the "
     "kind of the span"),
    ("t.conllu", "1\ta\ta\tDET\tDT\t_\t0\troot\t_\t_\n2\tb\tb\tNOUN\n", "tag", {},
     "t.conllu:2 has 4 columns, and line 1 has 10; correct or remove the line"),
    ("t.conllu", "1\ta\ta\tDET\t_\t_\t0\troot\t_\t_\n", "tag", {"tag": "xpos"},
     "t.conllu:1 has no xpos but '_'; choose another column, or add the tag"),
    ("t.txt", "to:O boston:B-city <=> flight\nto boston <=> flight\n", "tag", {},
     "t.txt:2 has 'to', which is not a token, a colon, and a tag; add them"),
    ("t.txt", "to:O boston:B-city <=> flight\nto:O boston:B-city\n", "tag", {},
     "t.txt:2 has no <=> before a label; add them, or remove the line"),
    ("t.csv", "ds,y\n2020-01-01,1\n2020-01-02,2\n2020-01-04,3\n2020-01-05,4\n", "series", {},
     "t.csv:4 has the time '2020-01-04' after '2020-01-02', but other steps are 1 day; fill the gap, or "
     "keep the rows on one side of it"),
    ("t.csv", "ds,y\n2020-01-01,1\n2020-01-01,2\n", "series", {},
     "t.csv:3 has the time '2020-01-01' again; keep one row for each time"),
    ("t.csv", "ds,y\n2020-01-01,1\nyesterday,2\n2020-01-03,2\n", "series", {},
     "t.csv:3 has 'yesterday', which is not a time like the others; write 1949-01, 1949-01-31, or "
     "1949-01-31 12:00"),
    ("t.csv", "ds,y\n2020-01-01,1\n2020-01-02,\n2020-01-03,2\n", "series", {},
     "t.csv:3 has a gap at column 'y'; fill it, or keep the rows on one side of it"),
    ("t.csv", "ds,y\n2020-01-01,1\n2020-01-02,two\n2020-01-03,2\n", "series", {},
     "t.csv:3 has 'two' in column 'y', which is not a number; write numbers as 1234.5"),
    ("t.csv", "ds,y\n2020-01-01,1\n2020-01-02,1e999\n2020-01-03,2\n", "series", {},
     "t.csv:3 has '1e999' in column 'y', which is too large for a number"),
    ("t.csv", "ds,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n", "series", {},
     "t.csv has 2 columns of numbers, 'a' and 'b', and one of them is to be predicted; name it: "
     "--value-column b"),
    ("t.csv", "V1,V2,V3,V4\nA,1,2,3\nA,3,4,5\n", "series", {},
     "t.csv:3 has the series 'A' again, after line 2; name it otherwise"),
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "text", "task", "columns", "sentence"), REFUSALS, ids=[f"{n}-{each[0]}" for n, each in enumerate(REFUSALS)]
)
def test_what_is_not_an_example_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, task: str, columns: Any, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text, newline="")
    with pytest.raises(CharlmError) as refused:
        read_examples(name, task, Columns(**columns))
    assert advise(str(refused.value), refused.value.remedy, refused.value.fields) == sentence


def test_parallel_files_that_do_not_match_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("one\na longer line\ntwo\n")
    for text, sentence in (
        ("un\n\ntrois\n", "b:2 is blank, and the same line of the other file is not; fill it"),
        ("un\ndeux\n", "a has 3 lines, and b has 2; the first line that looks shifted is a:3, 'two'"),
    ):
        Path("b").write_text(text)
        with pytest.raises(CharlmError) as refused:
            read_examples(["a", "b"], "pair")
        assert str(refused.value) == sentence


# The training file, its task, and a file of inputs with the texts, sources or tokens that are to be answered.
INPUTS: list[tuple[str, str, str, str, list[Any]]] = [
    ("t.txt", "__label__a one\n__label__b two\n", "classify", "__label__a x y\n\nz", ["x y", "", "z"]),
    ("t.csv", "text,label\na,b\nc,d\n", "classify", 'label,text\nb,"x\ny"\n\nd,z\n', ["x\ny", "", "z"]),
    ("t.tsv", "text\tlabel\na\tb\nc\td\n", "classify", 'text\tlabel\n"x\tb\n\nz\td\n', ['"x', "", "z"]),
    ("t.tsv", "en\ta\nde\tb\nen\tc\nde\td\n", "classify", "en\tx y\n\nz\n", ["x y", "", "z"]),
    ("t", "1 a film\n0 a bore\n" * 5, "classify", "1 x y\n\n0 z\n", ["1 x y", "", "0 z"]),
    ("t", "1 a film\n0 a bore\n" * 5, "classify", "1 x y\n\n0 z\n" * 5, ["x y", "", "z"] * 5),
    ("t", "A:b a film\nC:d a bore\n" * 5, "classify", "A:b x y\nC:e z\n", ["x y", "z"]),
    ("t.jsonl", '{"text": "a", "label": "b"}\n', "classify", '{"text": "x"}\n\nz\n', ["x", "", "z"]),
    ("t.txt", "a:O b:B-c <=> d\n", "classify", "x:O y:O <=> d\n\nz\n", ["x y", "", "z"]),
    ("t.txt", "a:O b:B-c <=> d\n", "tag", "x:O y:O <=> d\n\nz\n", [("x", "y"), (), ("z",)]),
    ("t.conll", "a X\nb Y\n\nc X\n", "tag", "x\ny\n\nz\n", [("x", "y"), ("z",)]),
    ("t.jsonl", '{"tokens": ["a"], "tags": ["X"]}\n', "tag", '{"tokens": ["x", "y"]}\nz\n', [("x", "y"), ("z",)]),
    ("t.tsv", "ab\tA B\ncd\tC D\n" * 1, "pair", "xy\tX Y\n\nz\n", ["xy", "", "z"]),
    ("t.csv", "word,pronunciation\na,b\nc,d\n", "pair", "id,word\n1,xy\n2,z\n", ["xy", "z"]),
    ("t.jsonl", '{"source": "a", "target": "b"}\n', "pair", '{"source": "xy"}\n\nz\n', ["xy", "", "z"]),
    ("t.dict", "AB  A B\nCD  C D\nAB(2)  A\n", "pair", "XY\n\nZ\n", ["XY", "", "Z"]),
    ("t.csv", "ds,y\n1,5\n2,6\n3,7\n", "series", "ds,y\n4,8\n5,9\n", [[8.0, 9.0]]),
    ("t.csv", "unique_id,ds,y\nA,1,5\nA,2,6\n", "series", "unique_id,ds,y\nA,3,8\nB,1,9\n", [[8.0], [9.0]]),
]


@pytest.mark.parametrize(("name", "trained", "task", "asked", "expected"), INPUTS)
def test_the_inputs_of_a_prediction_are_read_in_each_format(
    tmp_path: Path, name: str, trained: str, task: str, asked: str, expected: list[Any]
) -> None:
    (tmp_path / name).write_text(trained)
    (tmp_path / "asked").write_text(asked, newline="")
    inputs = read_inputs(tmp_path / "asked", read_examples(tmp_path / name, task, NO_COLUMNS)).items
    keys = {"classify": "text", "tag": "tokens", "pair": "source", "series": "values"}
    values = [getattr(each, keys[task]) for each in inputs]
    assert [each.tolist() if task == "series" else each for each in values] == expected
