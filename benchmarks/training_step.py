"""Tokens per second of a whole training step, against the same model from torch's own modules.

V 65, B 32, T 64; torch: nn.Embedding + nn.GRU or nn.LSTM + nn.Linear, clipping, fused AdamW, which is the optimizer of
charlm here too (optimizers.py compares it with the default). By default, the factors of the recurrent products are
bfloat16 if the processor multiplies bfloat16. Then all cells with all defaults.

    python benchmarks/training_step.py --widths

compares widths and batches that do not fill the vectors of the processor with the next ones that do: seconds over those
of the next multiple. CHARLM_NATIVE chooses the instruction set of charlm; benchmarks/README.md has the variables that
choose that of torch.
"""

import sys
from collections.abc import Callable

import torch
from timing import best_seconds, conditions
from torch import nn
from torch.nn import functional

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.generation.drawing import draws
from charlm.nn.network import Network
from charlm.registry import names
from charlm.training.learner import Learner

V, B, T, E = 65, 32, 64, 64
WIDTHS = {"gru": (100, 200, 300, 500, 650, 1000, 1500), "lstm": (100, 300, 650), "rnn": (100, 300, 650)}
ROWS = (1, 7, 17, 33)  # of a batch


class TorchModel(nn.Module):
    def __init__(self, cell: str, H: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.recurrent = getattr(nn, cell.upper())(E, H, layers)
        self.readout = nn.Linear(H, V)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.recurrent(self.embedding(ids))
        return self.readout(outputs)


def main() -> None:
    print(f"training step, V {V}, B {B}, T {T}, {conditions()}")
    print("| cell | H | layers | torch.nn tokens/s | charlm float32 | ratio | charlm by default | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    torch.set_flush_denormal(True)
    ids, targets = torch.randint(3, V, (2, T, B))
    batch = Batch(ids, targets, None, fresh=False)
    for cell, H, layers in (("gru", 256, 1), ("gru", 256, 2), ("lstm", 256, 1), ("lstm", 256, 2), ("gru", 512, 2)):
        model = TorchModel(cell, H, layers)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

        def torch_step(model: TorchModel = model, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

        shape = ModelConfig(cell=cell, hidden_size=H, layers=layers, embedding_size=E, dropout=0.0, sequence="stream")
        learners = [
            Learner(Network(shape, V), TrainConfig(precision=each, optimizer="adamw")) for each in ("float32", "auto")
        ]
        steps = [lambda learner=learner: learner.step(batch, 1e-3) for learner in learners]
        theirs, single, mine = (B * T / seconds for seconds in best_seconds(torch_step, *steps, rounds=24))
        ratios = f"{single:,.0f} | {single / theirs:.2f}× | {mine:,.0f} | {mine / theirs:.2f}×"
        print(f"| {cell} | {H} | {layers} | {theirs:,.0f} | {ratios} |")
    all_cells(batch)


def all_cells(batch: Batch) -> None:
    print("\n| cell, H 256, charlm by default | 1 layer, tokens/s | 2 layers |\n|---|---|---|")
    for cell in names("nn.cells"):
        shapes = [ModelConfig(cell=cell, hidden_size=256, layers=n, embedding_size=E, dropout=0.0) for n in (1, 2)]
        learners = [Learner(Network(shape, V), TrainConfig()) for shape in shapes]
        seconds = best_seconds(*(lambda learner=learner: learner.step(batch, 1e-3) for learner in learners))
        print(f"| {cell} | " + " | ".join(f"{B * T / each:,.0f}" for each in seconds) + " |", flush=True)


def widths() -> None:
    print(f"widths and batches over the next multiple, V {V}, T {T}, {conditions()}")
    print("| cell | H | B | over H | over B | forward | training | sampling |\n|---|---|---|---|---|---|---|---|")
    torch.set_flush_denormal(True)
    for cell, some in WIDTHS.items():
        for H in some:
            compare(cell, (H, B), (H + -H % 16, B))
    for rows in ROWS:
        compare("gru", (256, rows), (256, rows + -rows % 8))


def compare(cell: str, size: tuple[int, int], full: tuple[int, int]) -> None:
    """Print the ratios of the seconds at a width and a batch to those of a full width and batch."""
    rounds = 40 if size[0] < 400 else 8
    ways = [actions(cell, *each) for each in (size, full)]
    seconds = [best_seconds(*pair, rounds=rounds) for pair in zip(*ways, strict=True)]
    ratios = " | ".join(f"{mine / theirs:.2f}" for mine, theirs in seconds)
    print(f"| {cell} | {size[0]} | {size[1]} | {full[0]} | {full[1]} | {ratios} |", flush=True)


def actions(cell: str, H: int, rows: int) -> list[Callable[[], object]]:
    """Return what is timed of one network: reading a window, learning it, and drawing tokens."""
    shape = ModelConfig(cell=cell, hidden_size=H, layers=1, embedding_size=E, dropout=0.0, sequence="stream")
    network, learner = Network(shape, V).eval(), Learner(Network(shape, V), TrainConfig())
    ids, targets = torch.randint(3, V, (2, T, rows))
    chances = torch.rand(T, rows, dtype=torch.double)
    with torch.inference_mode():
        on = draws(network, [], torch.zeros(rows, V), network.zero_state(rows), ids[:0].t(), end=-1)
    reading = torch.inference_mode()(lambda: network(ids))
    return [reading, lambda: learner.step(Batch(ids, targets, None, fresh=False), 1e-3), lambda: on(chances)]


if __name__ == "__main__":
    widths() if sys.argv[1:] == ["--widths"] else main()
