"""Check the vectors of every embedding and its shortcuts."""

import pytest
import torch
from torch import Tensor

from charlm.config import ModelConfig
from charlm.nn.cells import Cell
from charlm.nn.cells.gru import GRU
from charlm.nn.embeddings import Embedding
from charlm.nn.embeddings.learned import Learned
from charlm.nn.embeddings.one_hot import OneHot
from charlm.nn.native.fused import Lookup
from charlm.nn.network import Network
from charlm.registry import find, names
from charlm.tokenizers import Tokenizer

V, H = 7, 4
FEW, MANY = torch.tensor([[3, 6], [1, 3]]), torch.arange(28).reshape(14, 2) % V  # fewer and more than V symbols


pytestmark = pytest.mark.usefixtures("float64")


def direct(vectors: Tensor, ids: Tensor, cell: Cell) -> Tensor:
    """Return W_x x + b, with x looked up for each token."""
    return torch.stack([cell.weight_ih @ vectors[i] + cell.bias_ih for i in ids.flatten()]).view(*ids.shape, -1)


@pytest.mark.parametrize("ids", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("name", names("nn.embeddings"))
def test_a_projection_is_the_matrix_product_with_each_vector(name: str, ids: Tensor) -> None:
    """Compare both computations, a projected table and single vectors, gradients included."""
    embedding = find(Embedding, name)(V, 5)
    cell = GRU(embedding.size, H)
    torch.nn.init.normal_(cell.bias_ih)
    vectors = embedding.weight if isinstance(embedding, Learned) else torch.eye(V)
    parameters = [*embedding.parameters(), cell.weight_ih, cell.bias_ih]
    projected, expected = embedding.project(ids, cell), direct(vectors, ids, cell)
    found = projected.dense() if isinstance(projected, Lookup) else projected
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(embedding.projected_table(cell)[ids], expected)
    weight = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weight).sum(), parameters),
        torch.autograd.grad((expected * weight).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("ids", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_one_hot_is_a_learned_embedding_whose_table_is_the_identity(cell: str, ids: Tensor) -> None:
    config = {"cell": cell, "hidden_size": H, "layers": 2, "dropout": 0.0, "embedding_size": V}
    one_hot = Network(ModelConfig(embedding="one-hot", **config), V)
    learned = Network(ModelConfig(embedding="learned", **config), V)
    learned.load_state_dict({**one_hot.state_dict(), "embedding.weight": torch.eye(V)})
    results = []
    for network in (one_hot, learned):
        logits, state = network(ids)
        shared = [parameter for name, parameter in network.named_parameters() if name != "embedding.weight"]
        results.append((logits, state, torch.autograd.grad(logits.square().sum(), shared)))
    torch.testing.assert_close(results[0], results[1])


def test_the_width_of_a_one_hot_vector_is_the_vocabulary_whatever_is_asked_for() -> None:
    assert OneHot(V, 3).size == V
    assert Learned(V, 3).size == 3


def test_an_untrained_learned_embedding_makes_nothing_of_an_unknown_symbol() -> None:
    embedding, cell = Learned(V, 5), GRU(5, H)
    torch.nn.init.normal_(cell.bias_ih)
    torch.testing.assert_close(embedding.project(torch.tensor([Tokenizer.UNK]), cell)[0], cell.bias_ih)
    assert not torch.allclose(embedding.project(torch.tensor([Tokenizer.START]), cell)[0], cell.bias_ih)
