"""Two tiny trained models, one whose probabilities are known, and a way to run the command line, for all tests."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import charlm
from charlm import cli
from charlm.data import cache, corpus, documents

pytest_plugins = ["counters", "chromium", "native_variants", "served_models"]
# In the background of a script, or under nohup, the tests would hand it on to their children that signals are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *arguments: None)
os.environ["COLUMNS"] = "80"  # help and tables wrap the same everywhere
os.environ["OMP_NUM_THREADS"] = "1"  # of every child process: threads of two tests would wait for each other
SMALL = charlm.ModelConfig(hidden_size=16, layers=1, embedding_size=8, ngram="none")
QUICK = charlm.TrainConfig(steps=40, learning_rate=4e-3, batch_size=8, seq_len=16, threads=1)
LINES = (
    "".join(f"{name} {verb}\n" for name in ("the cat", "a dog", "the cats") for verb in ("ran", "sat", "slept")) * 30
)
STREAM = "In the beginning was the word.\n\nAnd the word was with the text, and the text was long.\n" * 40

TINY = [
    "--hidden-size=8",
    "--embedding-size=4",
    "--layers=1",
    "--batch-size=4",
    "--seq-len=8",
    "--threads=1",
    "--ngram=none",
]  # of `train`


@pytest.fixture(scope="session", autouse=True)
def one_thread_and_short_previews() -> None:
    """Save time: tiny networks gain nothing from more threads, and previews take most of a short run."""
    import torch

    from charlm.tasks import language

    torch.set_num_threads(1)
    language._PREVIEW_LENGTH = 12


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Skip fsync, which takes most of the time of a small save; tests of flushing watch the calls themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    """Networks are made of such numbers, from the same random ones each time."""
    import torch

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def line_model() -> charlm.LanguageModel:
    """Trained on lines: it can predict <EOS>."""
    return charlm.train(LINES, SMALL, QUICK)


@pytest.fixture(scope="session")
def stream_model() -> charlm.LanguageModel:
    """Trained on one running text: <EOS> never was a target."""
    return charlm.train(STREAM, SMALL, QUICK)


@pytest.fixture(scope="session")
def line_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `line_model`; copy it before you change it."""
    folder = tmp_path_factory.mktemp("models") / "lines"
    charlm.train(LINES, SMALL, QUICK, folder=folder)
    return folder


@pytest.fixture(scope="session")
def stream_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `stream_model`; copy it before you change it."""
    folder = tmp_path_factory.mktemp("models") / "stream"
    charlm.train(STREAM, SMALL, QUICK, folder=folder)
    return folder


@pytest.fixture(scope="session")
def counted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model of lines in which a network and counts of bigrams share the prediction."""
    folder = tmp_path_factory.mktemp("models") / "counted"
    model = charlm.train(LINES, replace(SMALL, ngram="2"), replace(QUICK, steps=120, learning_rate=0.02), folder=folder)
    gates = model.score("the cat ran").gates
    assert gates and min(gates) < 0.9, "both parts speak"
    return folder


@pytest.fixture(params=["line", "stream"])
def model(request: pytest.FixtureRequest) -> charlm.LanguageModel:
    """Each of the two."""
    return request.getfixturevalue(f"{request.param}_model")  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def answer_to_sigterm() -> Iterator[None]:
    """Restore what a command in this process has changed: processes that are started later would ignore SIGTERM too."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `charlm ARGUMENTS...` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Outcome(ended.value.code or 0, captured.out, captured.err)

    return command


# P(next | symbol), where "" is the start before it and <EOS> after it: powers of two, for sums in the head.
BIGRAMS = {
    "": {"a": 1 / 2, "b": 1 / 4, "": 1 / 4},
    "a": {"a": 1 / 4, "b": 1 / 2, "": 1 / 4},
    "b": {"a": 1 / 4, "b": 1 / 4, "": 1 / 2},
}


@pytest.fixture
def bigram_model() -> charlm.LanguageModel:
    """A model of lines with the probabilities BIGRAMS."""
    return of_bigrams(BIGRAMS)


def of_bigrams(bigrams: dict[str, dict[str, float]], tokenizer: Any = None) -> charlm.LanguageModel:
    """A model of lines with these probabilities: a cell that hands its one-hot input on and forgets the rest.

    The symbols are characters, or the tokens of `tokenizer`.
    """
    import torch

    from charlm.nn.network import Network
    from charlm.tokenizers.char import CharTokenizer

    tokenizer = tokenizer or CharTokenizer("".join(sorted(bigrams)))
    numbers = {letter: int(tokenizer.encode(letter)[0]) if letter else tokenizer.START for letter in bigrams}
    V = tokenizer.size
    config = charlm.ModelConfig(
        sequence="line",
        ngram="none",
        embedding="one-hot",
        embedding_size=V,
        cell="rnn",
        activation="identity",
        hidden_size=V,
        layers=1,
        dropout=0.0,
    )
    network = Network(config, tokenizer.size).eval()
    network.load_state_dict({name: torch.zeros_like(value) for name, value in network.state_dict().items()})
    network.allowed_tokens[[tokenizer.EOS, *range(3, V)]] = True
    network.cells[0].weight_ih.data = torch.eye(V)
    for symbol, row in bigrams.items():
        network.readout.weight.data[:, numbers[symbol]] = -200.0  # what the row does not name never follows
        for follower, probability in row.items():
            target = numbers[follower] if follower else tokenizer.EOS
            network.readout.weight.data[target, numbers[symbol]] = math.log(probability)
    return charlm.LanguageModel(config, tokenizer, network)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `charlm ARGUMENTS...` as a process of its own, in the same folder; at the test's end it is killed."""
    processes: list[subprocess.Popen[str]] = []

    def process(*arguments: object, **settings: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "charlm", *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, **{"cwd": tmp_path, "encoding": "utf-8", **pipes, **settings}))
        return processes[-1]

    yield process
    for each in processes:
        with each:  # closes its pipes
            each.kill()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, of this test alone."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def large(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is too large for the memory, and is read in pieces of five bytes."""
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    monkeypatch.setattr(documents, "PIECE", 5)
