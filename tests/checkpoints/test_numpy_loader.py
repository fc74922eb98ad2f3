"""The loader in a model card reads a model where there is no charlm, and computes what charlm does."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import charlm
from charlm import numpy_loader
from charlm.checkpoints import write
from charlm.model import text_contents
from charlm.nn.cells import ACTIVATIONS
from charlm.nn.network import Network
from charlm.registry import name_of, names
from charlm.tokenizers import Tokenizer
from charlm.tokenizers.byte import ByteTokenizer
from charlm.tokenizers.char import CharTokenizer
from charlm.tokenizers.sentencepiece.pieces import complete
from charlm.tokenizers.subword import SubwordTokenizer
from charlm.tokenizers.word import WordTokenizer


class Case(NamedTuple):
    """A kind of model the loader has to know."""

    cell: str
    activation: str | None
    embedding: str
    layers: int
    residual: bool = False
    readout_layers: int = 1
    readout: str = "dense"
    tied: bool = False
    shortlist: int | None = None

    def __str__(self) -> str:
        return "-".join(str(each) for each in self if each)

    @property
    def width(self) -> int:
        return 5 if self.tied else 3


FREE = [(cell, activation) for cell in ("rnn", "jordan") for activation in ACTIVATIONS]
CELLS = [*((cell, None) for cell in names("nn.cells")), *FREE]
CASES = [Case(*cell, embedding, layers) for cell in CELLS for embedding in names("nn.embeddings") for layers in (1, 3)]
CASES += [Case(cell, None, "learned", layers, True, 3) for cell in names("nn.cells") for layers in (1, 3)]
CASES += [
    Case(cell, None, "learned", 1, False, layers, readout="adaptive") for cell, layers in (("gru", 1), ("jordan", 2))
]
CASES += [Case("gru", None, "learned", 1, readout="adaptive", shortlist=4)]
CASES += [Case(cell, None, "learned", 2, False, layers, tied=True) for cell, layers in (("gru", 1), ("jordan", 2))]
SYMBOLS = CharTokenizer("\n acehtü🐈")
TEXTS = ["", "the cat", "a\ncat 🐈, and a strange ☃ ü\n" * 3]

# A process that has neither charlm nor what charlm reads a model with, and to which a warning is an error.
CHILD = f"""
import json, sys
ABSENT = "charlm", "torch", "safetensors"
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
for name in ABSENT:
    try:
        __import__(name)
        sys.exit(name + " is there")
    except ImportError:
        pass
loader = {{}}
exec(open(sys.argv[1], encoding="utf-8").read(), loader)
found = {{}}
for folder in sys.argv[2:]:
    model = loader["Model"](folder)
    found[folder] = [[model.logits(text).tolist(), model.log_probabilities(text).tolist()] for text in {TEXTS!r}]
json.dump(found, sys.stdout)
"""


def make(folder: Path, case: Case, symbols: Tokenizer = SYMBOLS) -> Path:
    """A model whose weights are drawn, all of them."""
    config = charlm.ModelConfig(
        tokenizer=name_of(symbols),
        sequence="stream",
        ngram="none",
        embedding=case.embedding,
        embedding_size=case.width,
        cell=case.cell,
        activation=case.activation,
        hidden_size=5,
        layers=case.layers,
        dropout=0.1,
        residual=case.residual,
        readout_layers=case.readout_layers,
        readout=case.readout,
        shortlist=case.shortlist,
        tie_weights=case.tied,
    )
    torch.manual_seed(case.layers)
    network = Network(config, symbols.size)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    network.allowed_tokens[: symbols.EOS] = False
    folder.mkdir()
    write.create(folder, config, text_contents(symbols), {})
    write.save_weights(folder, network.state_dict(), write.metadata(1, {}))
    return folder


Read = dict[Path, list[tuple[Any, Any]]]  # of each folder, for each of TEXTS: logits and log-probabilities


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Path]:
    base = tmp_path_factory.mktemp("cases")
    return {case: make(base / str(case), case) for case in CASES}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, cases: dict[Case, Path], line_folder: Path) -> Read:
    """What the loader in a trained model's card makes of folders, in a process without charlm."""
    card = (line_folder / "README.md").read_text(encoding="utf-8")
    (source,) = re.findall("^```python\n(.*?)^```$", card, flags=re.DOTALL | re.MULTILINE)
    loader = tmp_path_factory.mktemp("elsewhere") / "loader.py"
    loader.write_text(source, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", "-c", CHILD, loader, *cases.values(), line_folder]
    done = subprocess.run(command, cwd=loader.parent, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return {Path(folder): texts for folder, texts in json.loads(done.stdout).items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_loader_in_the_card_computes_what_charlm_does(case: Case, cases: dict[Case, Path], read: Read) -> None:
    model = charlm.load(cases[case])
    for text, (logits, _) in zip(TEXTS, read[cases[case]], strict=True):
        ids = torch.tensor([SYMBOLS.START, *SYMBOLS.encode(text)])
        with torch.inference_mode():
            expected = model.network(ids[:, None])[0][:, 0]
        np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)


LISTED = (
    ByteTokenizer(),
    WordTokenizer([" ", "t", "the", "cat", "ü"]),
    SubwordTokenizer("bpe", complete([("the", -1.0), ("th", -0.5), ("h", -2.0), ("e", -3.0), ("t", -4.0)])),
)


@pytest.mark.parametrize("symbols", LISTED, ids=name_of)
def test_symbols_that_are_no_characters_are_read_as_a_list(symbols: Tokenizer, tmp_path: Path) -> None:
    """Bytes, words, or pieces: a text comes as a list of tokens, and one that the model does not have is unknown."""
    folder = make(tmp_path / "model", Case("gru", None, "learned", 1), symbols)
    text = "the cat ü"
    tokens = {
        ByteTokenizer: text.encode(),
        WordTokenizer: ["the", " ", "cat", " ", "ü"],
        SubwordTokenizer: ["the", " ", *b"ca", "t", " ", *"ü".encode()],
    }[type(symbols)]
    model = numpy_loader.Model(folder)
    with torch.inference_mode():
        ids = torch.tensor([symbols.START, *symbols.encode(text)])
        expected = charlm.load(folder).network(ids[:, None])[0][:, 0]
    np.testing.assert_allclose(model.logits(tokens), expected, atol=1e-4, rtol=0)
    assert len(model.tokens) == symbols.size


def test_the_loader_in_the_card_gives_the_probability_of_a_text(line_folder: Path, read: Read) -> None:
    model = charlm.load(line_folder)
    (_, logprobs) = read[line_folder][TEXTS.index("the cat")]
    np.testing.assert_allclose(np.exp(logprobs).sum(axis=1), 1, atol=1e-5)
    following = {each.id: each.probability for each in model.next_token_probabilities("the cat")}
    assert np.exp(logprobs[-1]) == pytest.approx([following[i] for i in range(len(following))], abs=1e-5)
    ids = [*model.tokenizer.encode("the cat"), model.tokenizer.EOS]
    assert [row[i] for row, i in zip(logprobs, ids, strict=True)] == pytest.approx(
        model.score("the cat").logprobs, abs=1e-4
    )


def test_a_linear_network_remembers_two_symbols_as_its_equation_says(tmp_path: Path) -> None:
    """y<t> = x<t> + x<t-1> + x<t-2> by h<t> = W_h h<t-1> + W_x x<t>, in files that charlm did not write."""
    inputs = np.zeros((3, 8), np.float32)
    inputs[0, 3:] = [1, 2, 3, 4, 5]  # what the symbols 1 to 5 stand for; 0 to 2 are of control
    tensors = {
        "cells.0.weight_ih": inputs,
        "cells.0.weight_hh": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32),
        "cells.0.bias_ih": np.zeros(3, np.float32),
        "cells.0.bias_hh": np.zeros(3, np.float32),
        "readout.weight": np.ones((8, 3), np.float32),
        "readout.bias": np.zeros(8, np.float32),
        "predictable": np.ones(8, np.bool_),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    config = {"cell": "rnn", "activation": "identity", "hidden_size": 3, "layers": 1}
    (tmp_path / "config.json").write_text(json.dumps({"model": config}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"characters": "12345"}))
    logits = numpy_loader.Model(tmp_path).logits("12345")
    assert logits[:, 0].tolist() == [0, 1, 3, 6, 9, 12]
