"""Bad input: one clear sentence on stderr, the documented exit code, and no half-written file."""

import ast
import gzip
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LINES, QUICK, SMALL, TINY, Outcome

import charlm
from charlm import cli
from charlm.checkpoints import model_folder
from charlm.cli.remedies import REMEDIES

Run = Callable[..., Outcome]


def refusal(done: Outcome, code: int) -> str:
    """Return the one sentence on stderr."""
    assert done.code == code, done
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert "unexpectedly" not in line and "Traceback" not in line
    return line


@pytest.fixture
def train(run: Run, tmp_path: Path) -> Run:
    """Train on a file `corpus.txt` with these bytes, in two steps."""

    def command(data: bytes, *arguments: object) -> Outcome:
        (tmp_path / "corpus.txt").write_bytes(data)
        return run("train", "corpus.txt", *TINY, "--steps=2", *arguments)

    return command


UNREADABLE = {
    "empty": (b"", "0 characters"),
    "one token": (b"a", "at least 2"),
    "Latin-1": ("caf\xe9 au lait\n".encode("latin-1"), "byte 0xe9 at offset 3"),
    "late": (b"a" * 70_000 + b"\xff", "offset 70,000"),
    "cut short": ("é".encode()[:1], "offset 0"),
    "UTF-16": ("text\n".encode("utf-16"), "UTF-16"),
    "UTF-16 BE": (b"\xfe\xff\x00a", "UTF-16"),
    "half a gzip": (gzip.compress(b"text\n" * 99)[:-9], "gzip"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_text_that_cannot_be_learned_from_is_named(train: Run, kind: str) -> None:
    data, words = UNREADABLE[kind]
    sentence = refusal(train(data, "--quiet"), 1)
    assert words in sentence
    assert "corpus" in sentence
    assert not Path("checkpoints").exists() or os.listdir("checkpoints") == []


def test_a_folder_without_text_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"\x89PNG\xff\x00")
    assert "pictures" in refusal(run("train", "pictures"), 1)


LEARNED = {
    "one symbol": (b"aaaa", "aa"),
    "two tokens": (b"ab", "b"),
    "NUL bytes": (b"a\0b\0\n" * 200, "a\0b\0"),
    "byte order mark": (b"\xef\xbb\xbfab\n" * 1 + b"ab\n" * 200, "ab"),
    "control symbols as text": (b"<EOS><UNK><START>\n" * 200, "<EOS><UNK>"),
    "blank lines": (b"\n\n\n\n", "\n"),
    "carriage returns": (b"a\rb\r\n" * 200, "a\rb"),
}


@pytest.mark.parametrize("kind", LEARNED)
def test_a_strange_text_is_learned_as_it_is(train: Run, run: Run, kind: str) -> None:
    data, text = LEARNED[kind]
    assert train(data).code == 0
    scored = run("score", "--json", "--no-eos", text)
    value = json.loads(scored.out.split("\n")[0])
    assert value["tokens"] == list(value["text"]) and value["unknown"] == 0
    assert value["logprob"] <= 0 and value["perplexity"] >= 1
    assert run("sample", "--length=5", "--seed=1").code == 0


def test_a_byte_order_mark_is_told_and_is_no_text(train: Run) -> None:
    assert "byte order mark" in train(b"\xef\xbb\xbf" + b"ab\n" * 200).err
    assert "\ufeff" not in json.loads(Path("checkpoints/corpus/tokenizer.json").read_text())["characters"]


def test_a_file_that_does_not_exist_gets_the_nearest_name(run: Run, tmp_path: Path, line_folder: Path) -> None:
    (tmp_path / "shakespeare.txt").write_text(LINES)
    for command in ("train", "evaluate"):
        missing = run(command, "shakespear.txt", "-m", line_folder if command == "evaluate" else "new")
        assert "did you mean shakespeare.txt?" in refusal(missing, 2)
    refusal(run("score", "--file", "nowhere/at/all", "-m", line_folder), 2)
    refusal(run("train", "shakespeare.txt", "--valid", "nothing"), 2)
    refusal(run("train", "shakespeare.txt", "--plan", "nothing"), 2)


@pytest.mark.parametrize(
    ("option", "value", "nearest"),
    [
        ("cell", "gruu", "gru"),
        ("cell", "LSTM", "lstm"),
        ("embedding", "onehot", "one-hot"),
        ("tokenizer", "chars", "char"),
    ],
)
def test_a_name_that_does_not_exist_gets_the_nearest(train: Run, option: str, value: str, nearest: str) -> None:
    sentence = refusal(train(LINES.encode(), f"--{option}={value}"), 2)
    assert value in sentence and repr(nearest) in sentence
    assert not Path("checkpoints/corpus").exists()


OUT_OF_RANGE = """
    train   layers=0 hidden-size=-1 hidden-size=9999999 embedding-size=0 dropout=1 dropout=-0.1
    train   batch-size=0 seq-len=0 learning-rate=0 learning-rate=nan clip=0 clip=-1 steps=0 minutes=0 epochs=-1
    train   valid-fraction=0 valid-fraction=1 seed=-1 threads=0 device=tpu sequence=word activation=gelu
    sample  temperature=-1 temperature=nan temperature=inf top-k=0 top-p=0 top-p=1.5 top-p=nan
    sample  length=0 count=0 seed=-1 unknown=maybe
"""
CASES = [(words[0], word) for line in OUT_OF_RANGE.splitlines() if (words := line.split()) for word in words[1:]]


@pytest.mark.parametrize(("command", "option"), CASES)
def test_an_option_out_of_range_is_named(run: Run, line_folder: Path, command: str, option: str) -> None:
    Path("text").write_text(LINES)
    arguments = ["text", "-m", "new"] if command == "train" else ["-m", line_folder]
    if option.startswith("activation"):
        arguments += ["--cell=rnn"]
    sentence = refusal(run(command, *arguments, f"--{option}"), 2)
    assert option.split("=")[0] in sentence
    assert not Path("checkpoints/new").exists()


@pytest.mark.parametrize("budgets", [["--minutes=1", "--steps=5"], ["--epochs=1", "--minutes=5"]])
def test_there_is_one_budget(run: Run, budgets: list[str]) -> None:
    Path("text").write_text(LINES)
    refusal(run("train", "text", *budgets), 2)


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["train", "--nope"], ["sample", "--length=many"]])
def test_usage_is_exit_code_two(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ") and done.err.count("\n") == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["score", "sample", "evaluate", "info"])
def test_a_folder_that_is_no_model_is_exit_code_three(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "text").write_text(LINES)
    for name in ("empty", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    given = {"score": ["the cat"], "evaluate": ["text"]}.get(command, [])
    for folder in ("./empty", "./other", "./missing", "./text"):
        refused = refusal(run(command, *given, "--model", folder), 3)
        assert folder.removeprefix("./") in refused
        assert ("unpack it" in refused) == (folder == "./text")


def test_a_damaged_model_is_exit_code_three(run: Run, line_folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        folder = tmp_path / name
        folder.mkdir()
        for path in line_folder.iterdir():
            (folder / path.name).write_bytes(path.read_bytes()[: 9 if path.name == name else None])
        for command in (["score", "the cat"], ["sample"], ["info"]):
            assert name in refusal(run(*command, "--model", folder), 3)


def test_a_model_in_use_is_exit_code_four(train: Run) -> None:
    Path("checkpoints").mkdir()
    with model_folder.lock(Path("checkpoints/corpus")):
        assert "checkpoints/corpus" in refusal(train(LINES.encode(), "--quiet"), 4)


def test_divergence_is_exit_code_one_with_the_step_and_what_to_try(train: Run) -> None:
    wild = ["--cell=rnn", "--activation=identity", "--learning-rate=100", "--clip=1e30", "--steps=100", "--quiet"]
    sentence = refusal(train(LINES.encode(), *wild), 1)
    assert "at step" in sentence and "--learning-rate 25" in sentence
    assert os.listdir("checkpoints") == []


def test_a_loss_that_stays_high_is_reported_once_with_what_to_try(train: Run) -> None:
    """All numbers are finite, but a random guess would have a lower loss."""
    done = train(LINES.encode(), "--learning-rate=30", "--steps=300")
    (warning,) = (line for line in done.err.splitlines() if "a random guess" in line)
    assert done.code == 0
    assert "--learning-rate 7.5" in warning
    assert "a random guess" not in train(LINES.encode(), "--steps=300", "--overwrite").err


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_traceback_is_for_those_who_ask(run: Run, place: str) -> None:
    command = ["sample", "--model", "nothing"]
    plain = run(*command)
    asked = run("--debug", *command) if place == "first" else run(*command, "--debug")
    assert asked.code == plain.code == 3
    assert "Traceback" in asked.err and "Traceback" not in plain.err
    assert asked.err.splitlines()[-1] == plain.err.strip()


def test_debug_may_be_a_text(run: Run, line_folder: Path) -> None:
    assert json.loads(run("score", "--json", "-m", line_folder, "--", "--debug").out)["text"] == "--debug"


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX")
def test_a_disk_that_is_full_is_a_sentence(train: Run) -> None:
    """Limit files to 2,000 bytes, which is less than the weights need."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        failed = train(LINES[:1900].encode(), "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refusal(failed, 1)
    assert os.listdir("checkpoints") == []
    assert train(LINES.encode()).code == 0


def train_too_much(place: Path) -> None:
    import resource

    os.chdir(place)
    resource.setrlimit(resource.RLIMIT_AS, (8 * 10**9, 8 * 10**9))
    cli.main(["train", "text", "--hidden-size=40000", "--steps=1", "--quiet"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory cannot be limited")
def test_a_network_that_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    """One matrix of a GRU 40,000 wide is 3 · 40,000² · 4 bytes = 19 GB; the process may have 8."""
    from forked_trainer import result

    (tmp_path / "text").write_text(LINES)
    done = result(train_too_much, tmp_path)
    assert "memory" in refusal(Outcome(done.code or 0, done.out, done.err), 1)
    assert "--hidden-size" in done.err


def test_the_library_raises_what_the_command_says(tmp_path: Path) -> None:
    """A caller can tell usage, corpus and model errors apart, or catch all of them at once."""
    for error, call in (
        (charlm.CorpusError, lambda: charlm.train("\n", SMALL, QUICK)),
        (charlm.CorpusNotFoundError, lambda: charlm.train(tmp_path / "nothing", SMALL, QUICK)),
        (charlm.ConfigError, lambda: charlm.TrainConfig(steps=1, minutes=1)),
        (charlm.UnknownNameError, lambda: charlm.train(LINES, charlm.ModelConfig(cell="gruu"), QUICK)),
        (charlm.ModelError, lambda: charlm.load(tmp_path / "nothing")),
    ):
        with pytest.raises(error) as raised:
            call()
        assert isinstance(raised.value, charlm.CharlmError)
        assert str(raised.value)


def test_every_remedy_has_words_and_is_used() -> None:
    """As `remedy="key"`, or as a key in another expression."""
    paths = [path for path in Path(charlm.__file__).parent.rglob("*.py") if path.name != "remedies.py"]
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(re.findall(r'remedy="(\w+)"', source)) <= set(REMEDIES)
    assert set(REMEDIES) <= set(re.findall(r'"(\w+)"', source))


def test_a_setting_out_of_range_is_named_by_its_option(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(LINES)
    error = refusal(run("train", "text", "--hidden-size", "-1"), 2)
    assert error == "error: --hidden-size is -1; it must be at least 1 and at most 65536"
    with pytest.raises(charlm.ConfigError, match=r"^hidden_size is -1; it must be at least 1"):
        charlm.ModelConfig(hidden_size=-1)


def test_errors_of_the_library_name_no_options() -> None:
    """A Python caller reads `learning_rate`; the command line adds --learning-rate. Docstrings may name options."""
    folder = Path(charlm.__file__).parent
    quote_commands = {
        "training/model_card.py",
        "checkpoints/checkpoint.py",
        "checkpoints/listing.py",
        "pages/report_style.py",
        "pages/search_page.py",
    }  # the last two have CSS
    wrong = []
    for path in folder.rglob("*.py"):
        name, tree = path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in statements]
        if not name.startswith("cli/") and name not in quote_commands:
            wrong += [f"{name}: {node.value}" for node in texts if re.search(r"(?<![\w-])--[a-z]", str(node.value))]
    assert wrong == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--cell=gruu"], "no cell is named 'gruu'"),
        (["--vocab-size=9"], "the char tokenizer does not use --vocab-size; leave --vocab-size out"),
        (["--embedding-file=nothing.txt"], "nothing.txt cannot be read: No such file or directory"),
        (["--valid=nothing.txt"], "there is no file nothing.txt"),
        (["--plan=nothing.json"], "nothing.json cannot be read: No such file or directory"),
        (["--device=mps"], "no mps device"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wrong_option_is_named_before_a_model_that_exists(train: Run, options: list[str], named: str) -> None:
    (model := Path("checkpoints/corpus")).mkdir(parents=True)
    (model / "config.json").write_text('{"kind": "charlm language model", "format_version": 1}')
    assert "already exists" in refusal(train(LINES.encode()), 2)
    sentence = refusal(train(LINES.encode(), *options), 2)
    assert named in sentence and "Errno" not in sentence
