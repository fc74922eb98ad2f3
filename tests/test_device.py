"""Compare a device with the CPU: every cell, training, resuming, scoring, and sampling.

They run where torch finds a GPU. CHARLM_TEST_DEVICE names another device; `cpu` runs every line without a GPU.
"""

import copy
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from reference_run import ending
from torch import Tensor, nn

import charlm
from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.nn.network import Network
from charlm.registry import names
from charlm.training.learner import Learner

DEVICE = os.environ.get("CHARLM_TEST_DEVICE", "cuda" if torch.cuda.is_available() else "")
pytestmark = pytest.mark.skipif(not DEVICE, reason="torch finds no GPU; CHARLM_TEST_DEVICE=cpu runs these on the CPU")

V, E, H, T, B = 11, 8, 32, 40, 6
TOLERANCE = {"rtol": 1e-3, "atol": 1e-5}
TEXT = "the cat sat on the mat\na dog ran to the cat\nthe end of the day\n" * 30


def made(cell: str, **settings: Any) -> Network:
    torch.manual_seed(1)
    sizes = {"embedding_size": E, "hidden_size": H, "layers": 2, "dropout": 0.0}
    network = Network(ModelConfig(cell=cell, **{**sizes, **settings}), V)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.15)
    return network


def rounded(answers: object) -> str:
    numbers = re.sub(r"\d+\.\d*(e-?\d+)?", lambda number: f"{float(number[0]):.2f}", str(answers))
    return re.sub(r"\s+", "", numbers)


def some_resets(share: float) -> Tensor | None:
    torch.manual_seed(2)
    return torch.rand(T, B) < share if share else None


def trained_text(folder: Path | None = None, **settings: Any) -> charlm.LanguageModel:
    sizes: dict[str, Any] = {"hidden_size": H, "layers": 1, "steps": 60, "seq_len": 16, "batch_size": 8, "seed": 1}
    return charlm.train(TEXT, folder=folder, **{**sizes, **settings})  # type: ignore[return-value]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4])
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_outputs_states_and_gradients_are_those_of_the_cpu(cell: str, share: float) -> None:
    """Read three windows, since a GPU records a window that it sees again; each goes on from the one before."""
    here = made(cell).train()
    there = copy.deepcopy(here).to(DEVICE)
    resets = some_resets(share)
    state, other_state = None, None
    for turn in range(3):
        torch.manual_seed(turn)
        ids = torch.randint(V, (T, B))
        logits, state = here(ids, state, resets)
        other, other_state = there(ids.to(DEVICE), other_state, None if resets is None else resets.to(DEVICE))
        torch.testing.assert_close(other.cpu(), logits, **TOLERANCE)
        for layer, other_layer in zip(state, other_state, strict=True):
            torch.testing.assert_close(tuple(part.cpu() for part in other_layer), layer, **TOLERANCE)
        gradients = torch.autograd.grad(logits.logsumexp(2).sum(), list(here.parameters()))
        others = torch.autograd.grad(other.logsumexp(2).sum(), list(there.parameters()))
        for one, two in zip(gradients, others, strict=True):
            torch.testing.assert_close(two.cpu(), one, rtol=1e-2, atol=1e-3 * float(one.abs().max()) + 1e-6)
        state = tuple(tuple(part.detach() for part in layer) for layer in state)
        other_state = tuple(tuple(part.detach() for part in layer) for layer in other_state)


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("cell", names("nn.cells"))
def test_steps_lead_to_the_weights_of_the_cpu(cell: str, micro_batches: int) -> None:
    here = made(cell)
    there = copy.deepcopy(here).to(DEVICE)
    learners = Learner(here, TrainConfig(precision="float32")), Learner(there, TrainConfig(precision="float32"))
    for learner in learners:
        learner.micro_batches = micro_batches
    for turn in range(4):
        torch.manual_seed(turn)
        ids, targets = torch.randint(V, (2, T, B))
        batch = Batch(ids, targets, some_resets(0.1), fresh=False)
        (loss, norm), (other_loss, other_norm) = (learner.step(batch, 1e-3) for learner in learners)
        assert other_loss == pytest.approx(loss, rel=1e-3)
        assert other_norm == pytest.approx(norm, rel=1e-2)
    for one, two in zip(here.state_dict().values(), there.state_dict().values(), strict=True):
        assert (
            float((two.cpu().float() - one.float()).abs().mean()) < 1e-4
        )  # a tenth of the rate, by which Adam moves a weight


@pytest.mark.parametrize(
    "settings", [{"embedding": "one-hot"}, {"readout": "adaptive"}, {"residual": True, "layers": 3}]
)
def test_parts_of_a_network_are_those_of_the_cpu(settings: dict[str, Any]) -> None:
    here = made("gru", **settings).eval()
    there = copy.deepcopy(here).to(DEVICE)
    ids = torch.randint(V, (T, B))
    with torch.no_grad():
        torch.testing.assert_close(there(ids.to(DEVICE))[0].cpu(), here(ids)[0], **TOLERANCE)


@pytest.mark.parametrize("cell", names("nn.cells"))
def test_scores_and_samples_are_those_of_the_cpu(cell: str, tmp_path: Path) -> None:
    trained_text(tmp_path / "m", cell=cell, device=DEVICE)
    here, there = charlm.load(tmp_path / "m", device="cpu"), charlm.load(tmp_path / "m", device=DEVICE)
    lines = ["the cat", "a dog ran to the mat", "", "x" * 70]
    for one, two in zip(here.score_many(lines), there.score_many(lines), strict=True):
        assert two.logprob == pytest.approx(one.logprob, rel=1e-5)
    asked = {"count": 3, "length": 50, "seed": 4, "temperature": 0.8}
    assert [each.text for each in there.sample(**asked)] == [each.text for each in here.sample(**asked)]
    assert there.sample(count=1, length=50, seed=4, temperature=0.8)[0].text == there.sample(**asked)[0].text


def test_a_resumed_run_leads_to_the_same_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"device": DEVICE, "dropout": 0.2}
    whole = trained_text(**settings)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "backward", ending(Learner.backward, 30))
        with pytest.raises(KeyboardInterrupt):
            trained_text(tmp_path / "m", **settings)
    resumed = trained_text(tmp_path / "m", resume=True, **settings)
    assert resumed.score("the cat").logprob == pytest.approx(whole.score("the cat").logprob, rel=1e-3)


def test_more_rows_than_fit_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Network, batch: Batch, *rest: Any) -> Any:
        if batch.rows > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, batch, *rest)

    whole = Network.read
    expected = trained_text(device=DEVICE).score("the cat").logprob
    monkeypatch.setattr(Network, "read", read)
    if DEVICE == "cpu":
        pytest.skip("a CPU is not asked how much fits")
    assert trained_text(device=DEVICE).score("the cat").logprob == pytest.approx(expected, rel=1e-3)


NOUNS = ("cat", "dog", "hen", "fox", "owl", "cow")
VERBS = ("sat", "ran", "ate", "hid", "dug", "sang")
TASKS = {
    "classify": ("".join(f"__label__{v} the {n} {v}\n" for n in NOUNS for v in VERBS), "the cat sat"),
    "tag": ("".join(f"the DET\n{n} NOUN\n{v} VERB\n\n" for n in NOUNS for v in VERBS), "the cat sat"),
    "pair": ("".join(f"{a}+{b}\t{a + b}\n" for a in range(9) for b in range(9)), "1+2"),
}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_trains_and_answers(task: str, tmp_path: Path) -> None:
    text, question = TASKS[task]
    corpus = tmp_path / f"{task}.txt"
    corpus.write_text(text, encoding="utf-8")
    sizes: dict[str, Any] = {"hidden_size": H, "layers": 1, "steps": 30, "batch_size": 8, "seed": 1}
    model = charlm.train(corpus, task=task, folder=tmp_path / "m", device=DEVICE, **sizes)
    here, there = charlm.load(tmp_path / "m", device="cpu"), charlm.load(tmp_path / "m", device=DEVICE)
    one, two = here.predict([question]), there.predict([question])  # type: ignore[attr-defined]
    assert rounded(one) == rounded(two), model


def test_a_series_trains_and_goes_on(tmp_path: Path) -> None:
    corpus = tmp_path / "series.csv"
    corpus.write_text("unique_id,ds,y\n" + "".join(f"a,{t},{t % 7}\n" for t in range(200)), encoding="utf-8")
    sizes: dict[str, Any] = {"hidden_size": H, "layers": 1, "steps": 30, "batch_size": 8, "seed": 1, "horizon": 7}
    charlm.train(corpus, task="series", folder=tmp_path / "m", device=DEVICE, **sizes)
    here, there = charlm.load(tmp_path / "m", device="cpu"), charlm.load(tmp_path / "m", device=DEVICE)
    one, two = here.predict(), there.predict()  # type: ignore[attr-defined]
    assert rounded(one) == rounded(two)
