"""A small file of each format, by the commands alone: train, evaluate, and predict on the same file."""

import json
from pathlib import Path
from typing import Any

import pytest

SHAPE = ("--steps", "2", "--hidden-size", "8", "--layers", "1", "--threads", "1", "-q")
_N = range(12)
_HEADER = ",".join(f"V{k}" for k in range(1, 14)) + "\n"  # as in the M4 competition
_WORDS = ("Clay", "Ruby", "Basil", "Ginger")


def _conllu(n: int) -> str:
    words = enumerate([(_WORDS[n % 4], "PROPN"), ("sang", "VERB"), (str(n), "NUM")], 1)
    rows = [f"{k}\t{word}\t{word.lower()}\t{tag}\tX\t_\t0\troot\t_\t_\n" for k, (word, tag) in words]
    return f"# text = {n}\n{''.join(rows)}\n"


# Name and text of a file, options of `train` and of `evaluate`, task, and the number of examples and of answers.
FILES: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...], str, int, int]] = {
    "fasttext": ("a.txt", "".join(f"__label__{'xy'[n % 2]} text {n}\n" for n in _N), (), (), "classify", 12, 12),
    "fasttext, several": (
        *("a.txt", "".join(f"__label__{'xy'[n % 2]} __label__z text {n}\n" for n in _N)),
        *(("--multi-label",), (), "classify", 12, 12),
    ),
    "csv": (
        *("a.csv", "id,Text,label\n" + "".join(f'{n},"a ""{n}"",\nb",{"xy"[n % 2]}\n' for n in _N)),
        *((), (), "classify", 12, 12),
    ),
    "csv, several labels in a field": (
        *("a.csv", "text,label\n" + "".join(f"text {n},{'x;y' if n % 2 else 'y; z'}\n" for n in _N)),
        *(("--multi-label",), (), "classify", 12, 12),
    ),
    "tsv": (
        *("a.tsv", "sentence\tlabel\n" + "".join(f'a "{n}\t{"xy"[n % 2]}\n' for n in _N)),
        *((), (), "classify", 12, 12),
    ),
    "two columns": ("a.tsv", "".join(f"{'xy'[n % 2]}\ttext {n}\n" for n in _N), (), (), "classify", 12, 12),
    "first word": ("a.txt", "".join(f"{n % 2} text {n}\n" for n in _N), (), (), "classify", 12, 12),
    "jsonl, labels": (
        *("a.jsonl", "".join(json.dumps({"text": f"text {n}", "label": "xy"[n % 2]}) + "\n" for n in _N)),
        *((), (), "classify", 12, 12),
    ),
    "conll": (
        *("a.conll", "".join(f"{_WORDS[n % 4]} NNP B-PER\nsang VB O\n{n} CD O\n\n" for n in _N)),
        *((), (), "tag", 12, 12),
    ),
    "conllu": ("a.conllu", "".join(map(_conllu, _N)), (), (), "tag", 12, 12),
    "slots": (
        *("a.txt", "".join(f"{_WORDS[n % 4]}:B-name sang:O {n}:O <=> song\n" for n in _N)),
        *((), (), "tag", 12, 12),
    ),
    "slots, labels": (
        *("a.txt", "".join(f"{_WORDS[n % 4]}:B-name sang:O {n}:O <=> {'xy'[n % 2]}\n" for n in _N)),
        *(("--task", "classify"), (), "classify", 12, 12),
    ),
    "jsonl, tags": (
        *("a.jsonl", "".join(json.dumps({"tokens": [_WORDS[n % 4], str(n)], "tags": ["N", "C"]}) + "\n" for n in _N)),
        *((), (), "tag", 12, 12),
    ),
    "pairs": ("a.tsv", "".join(f"w{n}\tw {n}\n" for n in _N), (), ("--beam", "1"), "pair", 12, 12),
    "features": (
        *("a.tsv", "".join(f"run{n}\tV;PST\tran{n}\n" for n in _N)),
        *((), ("--beam", "1"), "pair", 12, 12),
    ),
    "cmudict": (
        *("a.dict", ";;; words\n" + "".join(f"W{n}  W AH0 {'AE1' if n % 2 else 'OW1'}\n" for n in _N)),
        *((), ("--beam", "1"), "pair", 12, 13),
    ),
    "jsonl, pairs": (
        *("a.jsonl", "".join(json.dumps({"translation": {"de": f"Haus {n}", "en": f"house {n}"}}) + "\n" for n in _N)),
        *((), ("--beam", "1"), "pair", 12, 12),
    ),
    "long": (
        *("a.csv", "unique_id,ds,y\n" + "".join(f"{name},2024-01-{n + 1:02},{n % 3}\n" for name in "ab" for n in _N)),
        *(("--horizon", "2"), ("--with-history",), "series", 2, 2),
    ),
    "wide": (
        *("a.csv", _HEADER + "".join(f"H{k}," + ",".join(str(n % 3 + k) for n in _N) + "\n" for k in (1, 2))),
        *(("--horizon", "2"), ("--with-history",), "series", 2, 2),
    ),
    "one column": (
        *("a.csv", "Month,passengers\n" + "".join(f"1949-{n + 1:02},{112 + n}\n" for n in _N)),
        *(("--horizon", "2"), ("--with-history",), "series", 1, 1),
    ),
    "several columns in, one out": (
        *("a.csv", "t,x,z,y\n" + "".join(f"{n},{n % 3},{n % 2},{n % 3 + n % 2}\n" for n in _N)),
        *(("--value-column", "y", "--horizon", "2"), (), "series", 1, 1),
    ),
    "jsonl, series": (
        *("a.jsonl", "".join(f'{{"start": "2024-01-01", "target": {[n % k for n in _N]}}}\n' for k in (2, 3))),
        *(("--horizon", "2"), ("--with-history",), "series", 2, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FILES)
def test_a_file_of_each_format(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    name, text, options, measuring, task, examples, answers = FILES[form]
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    done = run("train", name, "-m", "m", *options, *SHAPE)
    assert done.code == 0, done.err
    values = json.loads(run("evaluate", name, "-m", "m", "--json", *measuring).out)
    assert (values["task"], values["examples"]) == (task, examples)
    assert "naive" in values or task != "pair"
    answered = run("predict", "-m", "m", "--file", name, "--json").out.splitlines()
    assert len(answered) == answers
    assert all(json.loads(line) for line in answered)


def test_a_field_with_several_labels_has_each_of_them(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, text, options, *_ = FILES["csv, several labels in a field"]
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    run("train", name, "-m", "m", *options, *SHAPE)
    assert json.loads(Path("checkpoints/m/labels.json").read_text())["labels"] == ["x", "y", "z"]
    (answer,) = map(json.loads, run("predict", "-m", "m", "text", "--json", "--threshold", "0").out.splitlines())
    assert sorted(answer["labels"]) == ["x", "y", "z"]
    assert set(json.loads(run("evaluate", name, "-m", "m", "--json").out)["labels"]) == {"x", "y", "z"}
