"""Check the probabilities of every readout: sums, zeros, and the shortcut of training."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import QUICK
from numpy.typing import NDArray
from torch import Tensor, nn

from charlm.config import ModelConfig
from charlm.data.windows import Batch
from charlm.errors import ConfigError
from charlm.nn import probability
from charlm.nn.network import Network, check_tensors
from charlm.nn.probability import log_probabilities
from charlm.nn.readouts import Readout
from charlm.nn.readouts._choice import choose, expected_cost, wide_shortlist
from charlm.nn.readouts._groups import group_bounds
from charlm.nn.readouts.adaptive import Adaptive
from charlm.nn.readouts.dense import Dense
from charlm.nn.rows import Rows
from charlm.registry import find, names
from charlm.training import learner as optimization
from charlm.training.learner import Learner

V, H = 40, 16
EVERYTHING = torch.ones(V, dtype=torch.bool)


pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(params=[*names("nn.readouts"), "tied", "shortlist"])
def readout(request: pytest.FixtureRequest) -> Readout:
    """Each readout with random weights, the dense one also with the table of an embedding; and a shortlist."""
    if request.param == "tied":
        table = nn.Parameter(torch.randn(V, H))
        return find(Readout, "dense")(H, V, lambda: table)
    made = Adaptive(H, V, None, 7) if request.param == "shortlist" else find(Readout, request.param)(H, V)
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


def adaptive(shortlist: int | None = None) -> Adaptive:
    made = Adaptive(H, V, None, shortlist)
    made.set_frequencies(torch.randint(100, (V,)))
    return made


@pytest.mark.parametrize("shortlist", [None, 1, 7, 25, 39])
def test_an_adaptive_readout_is_that_of_torch(shortlist: int | None) -> None:
    """With the same weights and tokens ordered by count, compare all logits and those of the targets."""
    ours = adaptive(shortlist)
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


def test_a_shortlist_that_is_given_replaces_the_usual_ends_that_it_covers() -> None:
    """The usual ends are at 1/64, 1/16 and 1/4 of the vocabulary."""
    assert group_bounds(1024) == [(16, 64), (64, 256), (256, 1024)]
    assert group_bounds(1024, 16) == group_bounds(1024)
    assert group_bounds(1024, 10) == [(10, 16), (16, 64), (64, 256), (256, 1024)]
    assert group_bounds(1024, 100) == [(100, 256), (256, 1024)]
    assert group_bounds(1024, 256) == [(256, 1024)]
    assert group_bounds(1024, 9999) == [(1023, 1024)], "the last token at least is in a group"


def test_a_small_vocabulary_starts_from_a_longer_shortlist() -> None:
    """Its tokens keep their probabilities relative to each other."""
    source, small = Adaptive(H, V, None, 20), Adaptive(H, 6, None, 20)
    source.set_frequencies(torch.arange(V, 0, -1))
    small.set_frequencies(torch.arange(6, 0, -1))
    small.start_from(source, Rows(torch.arange(6), EVERYTHING))
    assert small.shortlist == 5
    h = torch.randn(9, H)
    old, new = source.logits(h, EVERYTHING)[:, :5], small.logits(h, EVERYTHING[:6])[:, :5]
    torch.testing.assert_close(new.log_softmax(1), old.log_softmax(1))


def test_only_an_adaptive_readout_has_a_shortlist() -> None:
    with pytest.raises(ConfigError, match="shortlist is 20, but only an adaptive readout has one"):
        Network(replace(SHAPE, readout="dense", shortlist=20), V)


def chosen(counts: Sequence[int] | NDArray[np.int64], **settings: object) -> tuple[str, int | None]:
    config = choose(ModelConfig(**settings), np.asarray(counts))  # type: ignore[arg-type]
    return config.readout, config.shortlist


def zipf(size: int) -> NDArray[np.int64]:
    return 10**9 // np.arange(1, size + 1)


def test_the_expected_cost_of_a_target_is_the_one_worked_out_by_hand() -> None:
    """A shortlist of 2 tokens, and groups of 2 and 4; H = 8. The shares of the groups are 1/10 and 0, then 1/10 each.

    The head has 2 + 2 logits. The tails have widths of 4 and 2, and cost 4 (1 + 2/8) = 5 and 2 (1 + 4/8) = 3.
    """
    counts = np.array([0, 1, 9, 0, 0, 9, 1, 0])
    assert expected_cost(counts, 8, [(2, 4), (4, 8)]) == pytest.approx(2 + 2 + 2 / 20 * 5 + 0 * 3)
    counts = np.array([1, 1, 8, 1, 0, 8, 1, 0])  # two in each group
    assert expected_cost(counts, 8, [(2, 4), (4, 8)]) == pytest.approx(2 + 2 + 2 / 20 * 5 + 2 / 20 * 3)


def test_a_wide_shortlist_has_the_tokens_of_999_of_1000_targets() -> None:
    assert wide_shortlist(np.array([1, 0, 400, 599, 0])) == 2
    assert wide_shortlist(np.array([2, 0, 400, 598, 0])) == 3
    assert wide_shortlist(np.ones(1_000, np.int64)) == 999


def test_a_text_of_ordinary_letters_has_the_dense_readout() -> None:
    for size in (4, 65, 105, 400):
        assert chosen(zipf(size)) == chosen(np.ones(size, np.int64)) == ("dense", None)
    assert chosen([*[10_000] * 70, *[1] * 300]) == ("dense", None), "370 logits cost little"


def test_a_text_with_many_rare_letters_has_a_shortlist_of_the_others() -> None:
    """Its size follows from frequencies: the rare letters may be hundreds or thousands."""
    for rare in (800, 3_000, 100_000):
        common = [rare * 100] * 90
        readout, shortlist = chosen([*[1] * rare, *common])
        assert readout == "adaptive" and shortlist == 90
    assert chosen([10_000] * 890) == ("dense", None), "890 letters that all are common"


def test_a_large_vocabulary_of_words_has_the_usual_groups_unless_it_is_tied_or_told() -> None:
    assert [chosen(zipf(size)) for size in (1_000, 2_000, 50_000)] == [("dense", None), *[("adaptive", None)] * 2]
    for width in (128, 256, 512):
        assert chosen(np.ones(2_000, np.int64), hidden_size=width) == ("adaptive", None)
    assert chosen(zipf(50_000), tie_weights=True) == chosen(zipf(50_000), readout="dense") == ("dense", None)
    assert chosen(zipf(65), readout="adaptive") == ("adaptive", None)
    assert chosen(zipf(65), shortlist=30) == chosen(zipf(65), shortlist=30, readout="adaptive") == ("adaptive", 30)


def test_without_known_frequencies_the_size_of_the_vocabulary_decides() -> None:
    kinds = [type(Network(replace(SHAPE, readout="auto"), size).readout) for size in (65, 1_000, 5_000)]
    assert kinds == [Dense, Dense, Adaptive]


SHAPE = ModelConfig(cell="rnn", hidden_size=H, layers=1, embedding_size=H, dropout=0.0)
SHAPES = [
    {"readout": "adaptive"},
    {"readout": "dense"},
    {"tie_weights": True},
    {"readout": "adaptive", "cell": "jordan"},
]
SHAPES += [{"readout": "adaptive", "readout_layers": 2}, {"readout": "adaptive", "shortlist": 11}]


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
