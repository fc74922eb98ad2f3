"""Check the probabilities of every readout: sums, zeros, and the shortcut of training."""

from collections.abc import Sequence

import pytest
import torch
from conftest import QUICK
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.data.windows import Batch
from charlm.nn import probability
from charlm.nn.network import Network, check_tensors
from charlm.nn.probability import log_probabilities
from charlm.nn.readouts import Readout, choose
from charlm.nn.readouts.adaptive import Adaptive
from charlm.registry import find, names
from charlm.training import learner as optimization
from charlm.training.learner import Learner

V, H = 40, 16
EVERYTHING = torch.ones(V, dtype=torch.bool)


pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(params=[*names("nn.readouts"), "tied"])
def readout(request: pytest.FixtureRequest) -> Readout:
    """Each readout with random weights, and the dense one with the table of an embedding."""
    if request.param == "tied":
        table = nn.Parameter(torch.randn(V, H))
        return find(Readout, "dense")(H, V, lambda: table)
    made = find(Readout, request.param)(H, V)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)
    made.set_frequencies(torch.randint(100, (V,)))
    return made


def without(*symbols: int) -> Tensor:
    """Return a mask (V,) that forbids these tokens."""
    allowed = EVERYTHING.clone()
    allowed[list(symbols)] = False
    return allowed


def group(readout: Adaptive, number: int) -> list[int]:
    """Return the tokens of a group."""
    first, end = readout.groups[number]
    return [symbol for symbol in range(V) if first <= readout.places[symbol] < end]


def test_probabilities_sum_to_one_and_are_zero_for_what_cannot_come(readout: Readout) -> None:
    never = [0, 1, 17, 39]
    found = torch.softmax(readout.logits(torch.randn(3, 5, H), without(*never)), dim=-1)
    assert found.shape == (3, 5, V)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(3, 5))
    assert (found[..., never] == 0).all() and int((found > 0).sum()) == 3 * 5 * (V - 4)


def test_the_short_cut_gives_the_same_probability_and_the_same_gradient(readout: Readout) -> None:
    """Check every token, the impossible ones included; every parameter has a gradient."""
    outputs, targets = torch.randn(V, H, requires_grad=True), torch.randperm(V)
    logprobs = torch.log_softmax(readout.logits(outputs, EVERYTHING), dim=-1).gather(1, targets[:, None])[:, 0]
    found = readout.target_log_probability(outputs, targets, EVERYTHING)
    torch.testing.assert_close(found, logprobs)
    inputs = [outputs, *readout.parameters()]
    weight = torch.randn(V)
    ours, theirs = (torch.autograd.grad((each * weight).sum(), inputs) for each in (found, logprobs))
    torch.testing.assert_close(ours, theirs)
    some = without(3, 5)
    found = readout.target_log_probability(outputs, targets, some)
    assert set(targets[found == -torch.inf].tolist()) == {3, 5}
    torch.testing.assert_close(
        found, torch.log_softmax(readout.logits(outputs, some), 1).gather(1, targets[:, None])[:, 0]
    )


def test_a_row_is_what_a_symbol_becomes_likelier_by(readout: Readout) -> None:
    """Within a group the logits differ by the difference of the rows times the output, and of the biases."""
    rare = torch.tensor(group(readout, -1)) if isinstance(readout, Adaptive) else torch.arange(V)
    outputs = torch.randn(2, H)
    logits, rows = readout.logits(outputs, EVERYTHING)[:, rare], readout.output_vectors()[rare]
    found, expected = (each - each[..., :1] for each in (logits[0] - logits[1], rows @ (outputs[0] - outputs[1])))
    assert len(rare) > 2
    torch.testing.assert_close(found, expected)


def test_where_the_same_symbol_came_each_time_all_parameters_have_a_gradient(readout: Readout) -> None:
    """The optimizer needs a gradient for each parameter, even if it is zero."""
    for symbol in (0, 20, 39):
        readout.zero_grad()
        readout.target_log_probability(torch.randn(6, H), torch.full((6,), symbol), EVERYTHING).sum().backward()
        assert all(each.grad is not None and each.grad.isfinite().all() for each in readout.parameters())


def adaptive() -> Adaptive:
    made = Adaptive(H, V)
    made.set_frequencies(torch.randint(100, (V,)))
    return made


def test_an_adaptive_readout_is_that_of_torch() -> None:
    """With the same weights and tokens ordered by count, compare all logits and those of the targets."""
    ours = adaptive()
    theirs = nn.AdaptiveLogSoftmaxWithLoss(H, V, [first for first, _ in ours.groups], div_value=2.0, head_bias=True)
    theirs.load_state_dict({name: value for name, value in ours.state_dict().items() if name != "places"})
    outputs, targets = torch.randn(100, H), torch.randint(V, (100,))
    torch.testing.assert_close(ours.logits(outputs, EVERYTHING), theirs.log_prob(outputs)[:, ours.places])
    found = ours.target_log_probability(outputs, targets, EVERYTHING)
    torch.testing.assert_close(found, theirs(outputs, ours.places[targets]).output)


def test_an_adaptive_probability_is_that_of_a_group_times_that_within_it() -> None:
    readout, h = adaptive(), torch.randn(H)
    shares = torch.softmax(readout.head.weight @ h + readout.head.bias, 0)
    found = torch.softmax(readout.logits(h, EVERYTHING), 0)
    for symbol, position in enumerate(readout.places.tolist()):
        if position < readout.shortlist:
            expected = shares[position]
        else:
            (number,) = (n for n, (first, end) in enumerate(readout.groups) if first <= position < end)
            narrow, wide = readout.tail[number]
            within = torch.softmax(wide.weight @ (narrow.weight @ h), 0)
            expected = shares[readout.shortlist + number] * within[position - readout.groups[number][0]]
        torch.testing.assert_close(found[symbol], expected)


@pytest.mark.parametrize("number", [0, 1])
def test_a_group_from_which_nothing_can_come_takes_no_probability(number: int) -> None:
    readout = adaptive()
    closed = group(readout, number)
    outputs = torch.randn(5, H, requires_grad=True)
    found = torch.softmax(readout.logits(outputs, without(*closed)), dim=-1)
    assert (found[:, closed] == 0).all()
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(5))
    others = [symbol for symbol in range(V) if symbol not in closed]
    readout.target_log_probability(outputs, torch.tensor(others[:5]), without(*closed)).sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in (outputs, *readout.parameters()))


def test_the_most_frequent_symbols_are_the_shortlist() -> None:
    readout = Adaptive(H, V)
    counts = torch.randperm(V)
    readout.set_frequencies(counts)
    assert counts[readout.places.argsort()].tolist() == sorted(range(V), reverse=True)


@pytest.mark.parametrize("size", [4, 5, 12, 17, 1000])
def test_any_vocabulary_has_its_groups(size: int) -> None:
    readout = Adaptive(3, size)
    assert readout.shortlist == readout.groups[0][0] and readout.groups[-1][1] == size
    found = torch.softmax(readout.logits(torch.randn(3), torch.ones(size, dtype=torch.bool)), 0).detach()
    assert float(found.sum()) == pytest.approx(1) and (found > 0).all()


def test_a_large_vocabulary_gets_groups_unless_it_is_tied_or_told() -> None:
    assert [choose("auto", size, tied=False) for size in (65, 1_000, 50_000)] == ["dense", "dense", "adaptive"]
    assert choose("auto", 50_000, tied=True) == choose("dense", 50_000, tied=False) == "dense"
    assert choose("adaptive", 65, tied=False) == "adaptive"


SHAPE = ModelConfig(cell="rnn", hidden_size=H, layers=1, embedding_size=H, dropout=0.0)
SHAPES = [
    {"readout": "adaptive"},
    {"readout": "dense"},
    {"tie_weights": True},
    {"readout": "adaptive", "cell": "jordan"},
]
SHAPES += [{"readout": "adaptive", "readout_layers": 2}]


def network(**settings: object) -> Network:
    torch.manual_seed(0)
    made = Network(ModelConfig(**{**vars(SHAPE), **settings}), V)  # type: ignore[arg-type]
    counts = torch.arange(V) * (torch.arange(V) != 1)
    made.set_output_statistics(counts > 0, counts)
    return made


def batch() -> Batch:
    ids, targets = torch.randint(2, V, (2, 9, 4))
    return Batch(ids, targets, None, fresh=True)


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_the_loss_of_training_is_the_probability_of_scoring(settings: dict[str, object]) -> None:
    """Rows are read from a zero state, for log P of the targets alone and together with their ranks."""
    learner = Learner(network(**settings), QUICK)
    text = torch.randint(2, V, (10, 4))
    loss, _ = learner.backward(Batch(text[:-1], text[1:], None, fresh=True))
    rows = [row.numpy().astype("int32") for row in text.t()]
    learner.network.eval()
    quick = log_probabilities(learner.network, rows)
    assert loss == pytest.approx(-sum(each.sum() for each in quick) / 36)
    whole = probability.quantities(learner.network, rows, {"rank": probability.rank})
    for one, other in zip(quick, whole, strict=True):
        assert one.tolist() == pytest.approx(other["logprob"].tolist())


@pytest.mark.parametrize("settings", SHAPES, ids=str)
def test_a_readout_that_goes_a_few_rows_at_a_time_leads_to_the_same_gradient(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    some, found = batch(), []
    for most in (10**9, 3 * V, 1):  # all rows, three, one
        monkeypatch.setattr(optimization, "_MAX_LOGITS_PER_CHUNK", most)
        learner = Learner(network(**settings), QUICK)
        loss, norm = learner.backward(some)
        found.append((torch.tensor([loss, norm]), [parameter.grad for parameter in learner.network.parameters()]))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


@pytest.mark.parametrize(
    "places", [[0] * V, range(1, V + 1), [-1, *range(1, V)]], ids=["zeros", "too large", "negative"]
)
def test_an_order_that_is_none_is_refused(places: Sequence[int]) -> None:
    """The order is read from a weights file, which may come from a stranger."""
    weights = network(readout="adaptive").state_dict()
    check_tensors(weights, weights)
    with pytest.raises(ValueError, match=r"readout\.places is not a permutation"):
        check_tensors(weights | {"readout.places": torch.tensor(list(places))}, weights)
