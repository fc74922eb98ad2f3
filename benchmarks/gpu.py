"""charlm on a GPU: training steps, sampling and scoring beside torch's own modules, and what a run learns in minutes.

    python benchmarks/gpu.py [--device cuda] [--minutes 1 3] [--quick] [CORPUS ...]

`make gpu` runs the tests of the device first. Each table is one run on one card, which the first line names. A step
reads 32 rows of 64 tokens, as the recipe of `charlm train` has it. The share of the peak compares the products of a
step with a product of two matrices of 4,096 × 4,096, measured in the same run. --quick measures each thing once, to
see that every line runs on a machine without a GPU; it says nothing about speed. Let nothing else run meanwhile.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sampling import TOKENIZER
from torch import nn
from torch.nn import functional
from training_step import B, E, T, TorchModel, V

from charlm.config import ModelConfig, TrainConfig
from charlm.data.windows import Batch
from charlm.language_model import LanguageModel
from charlm.nn.network import Network
from charlm.registry import names
from charlm.training.learner import Learner

SIZES = (("gru", 256, 2), ("gru", 512, 2), ("gru", 1024, 2), ("lstm", 256, 2), ("lstm", 1024, 2), ("rnn", 512, 2))
LARGE_VOCABULARY = 50_000
STREAMS, LENGTH = (1, 4_096), 100
LINES = 10_000
PEAK = 4_096  # rows and columns of the matrices


class Machine:
    """A device and how long to measure on it."""

    def __init__(self, name: str, *, quick: bool) -> None:
        self.device, self.quick = torch.device(name), quick
        torch.set_float32_matmul_precision("high")  # as in training
        left, right = torch.randn(2, PEAK, PEAK, device=self.device)
        self.peak = 2 * PEAK**3 / self.seconds(lambda: torch.mm(left, right))[0]  # FLOP/s

    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def seconds(self, *actions: Callable[[], object], rounds: int = 24) -> list[float]:
        """Return the median seconds of each action; they take turns. Three runs of each come before."""
        for action in actions:
            for _ in range(1 if self.quick else 3):
                action()
        times: list[list[float]] = [[] for _ in actions]
        for _ in range(1 if self.quick else rounds):
            for action, taken in zip(actions, times, strict=True):
                self.wait()
                before = time.perf_counter()
                action()
                self.wait()
                taken.append(time.perf_counter() - before)
        return [sorted(each)[len(each) // 2] for each in times]

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="*", type=Path, metavar="CORPUS")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", nargs="*", default=["1", "3"])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    machine = Machine(given.device, quick=given.quick)
    print(f"{machine.name()}; torch {torch.__version__}; {machine.peak / 1e12:.1f} TFLOP/s at {PEAK}³\n")
    steps(machine)
    all_cells(machine)
    readouts(machine)
    sampling(machine)
    scoring(machine)
    if given.corpora:
        runs(given.corpora, given.minutes, given.device)


def learner(machine: Machine, cell: str, H: int, layers: int, **settings: object) -> Learner:
    shape = ModelConfig(
        cell=cell, hidden_size=H, layers=layers, embedding_size=E, dropout=0.0, sequence="stream", **settings
    )
    return Learner(Network(shape, V).to(machine.device), TrainConfig(optimizer="adamw"))


def window(resets: float = 0.0) -> Batch:
    """Return a window of random tokens; `resets` is the share of them at which a sequence starts."""
    ids, targets = torch.randint(3, V, (2, T, B))
    return Batch(ids, targets, torch.rand(T, B) < resets if resets else None, fresh=False)


def steps(machine: Machine) -> None:
    print(f"Training step, V {V}, B {B}, T {T}")
    print("| cell | H | layers | torch.nn tokens/s | charlm tokens/s | ratio | share of the peak |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for cell, H, layers in SIZES:
        model = TorchModel(cell, H, layers).to(machine.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        ours, batch = learner(machine, cell, H, layers), window()

        def torch_step(
            model: TorchModel = model, optimizer: torch.optim.Optimizer = optimizer, batch: Batch = batch
        ) -> None:
            optimizer.zero_grad()
            inputs, targets = batch.inputs.to(machine.device), batch.targets.to(machine.device)
            loss = functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()

        theirs, mine = machine.seconds(torch_step, lambda ours=ours, batch=batch: ours.step(batch, 1e-3))
        products = 6 * B * T * sum(each.numel() for each in ours.network.parameters() if each.dim() == 2)
        rates = f"{B * T / theirs:,.0f} | {B * T / mine:,.0f} | {theirs / mine:.2f}×"
        print(f"| {cell} | {H} | {layers} | {rates} | {products / mine / machine.peak:.1%} |", flush=True)


def all_cells(machine: Machine) -> None:
    print(f"\nAll cells, H 256, 2 layers: tokens/s of a training step, B {B}, T {T}")
    print("| cell | one long text | sequences of 8 tokens | each step from Python |\n|---|---|---|---|", flush=True)
    for cell in names("nn.cells"):
        ours, slow = learner(machine, cell, 256, 2), learner(machine, cell, 256, 2)
        actions: list[Callable[[], object]] = [
            lambda ours=ours, batch=batch: ours.step(batch, 1e-3) for batch in (window(1 / (20 * T)), window(1 / 8))
        ]
        plain = window()
        actions.append(lambda slow=slow, batch=plain: unrolled(slow, batch))
        rates = " | ".join(f"{B * T / each:,.0f}" for each in machine.seconds(*actions))
        print(f"| {cell} | {rates} |", flush=True)


def unrolled(ours: Learner, batch: Batch) -> None:
    """Compute a step whose cells are plain torch, one operation after the other."""
    network, device = ours.network, ours.network.device
    network.zero_grad()
    outputs = batch.inputs.to(device)
    for layer, cell in enumerate(network.cells):
        projected = network.embedding.project(outputs, cell) if layer == 0 else cell.project(outputs)
        outputs, _ = cell.unroll(projected, cell.zero_state(B))
    loss = -network.target_log_probability(outputs.flatten(0, 1), batch.targets.to(device).flatten()).mean()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    ours.apply(1e-3)
    loss.item()


def readouts(machine: Machine) -> None:
    print(f"\nReadouts, GRU 1×256, V {LARGE_VOCABULARY:,}, targets by Zipf's law: tokens/s of a training step")
    print("| readout | tokens/s |\n|---|---|", flush=True)
    counts = (1e9 / torch.arange(1, LARGE_VOCABULARY + 1)).long()
    ids, targets = torch.multinomial(counts.double(), 2 * T * B, replacement=True).view(2, T, B)
    batch = Batch(ids, targets, None, fresh=False)
    for readout in names("nn.readouts"):
        shape = ModelConfig(hidden_size=256, layers=1, embedding_size=E, dropout=0.0, readout=readout)
        network = Network(shape, LARGE_VOCABULARY)
        network.set_output_statistics(counts > 0, counts)
        ours = Learner(network.to(machine.device), TrainConfig())
        (mine,) = machine.seconds(lambda ours=ours: ours.step(batch, 1e-3))
        print(f"| {readout} | {B * T / mine:,.0f} |", flush=True)


def model_on(device: torch.device, sequence: str) -> LanguageModel:
    torch.manual_seed(0)
    shape = ModelConfig(hidden_size=256, layers=2, embedding_size=E, dropout=0.0, sequence=sequence)
    network = Network(shape, TOKENIZER.size).eval()
    network.allowed_tokens[[TOKENIZER.UNK, TOKENIZER.START]] = False
    network.allowed_tokens[TOKENIZER.EOS] = sequence == "line"
    return LanguageModel(shape, TOKENIZER, network.to(device))


@torch.inference_mode()
def plain_sampling(embedding: nn.Embedding, gru: nn.GRU, readout: nn.Linear, rows: int) -> torch.Tensor:
    tokens = torch.ones(1, rows, dtype=torch.long, device=readout.weight.device)
    state, drawn = None, []
    for _ in range(LENGTH):
        outputs, state = gru(embedding(tokens), state)
        tokens = torch.multinomial(torch.softmax(readout(outputs[0]) / 0.8, dim=-1), 1).t()
        drawn.append(tokens)
    return torch.cat(drawn).cpu()


def sampling(machine: Machine) -> None:
    print(f"\nSampling, GRU 2×256, {LENGTH} tokens: tokens/s")
    print("| streams | charlm | charlm on the CPU | nn.GRU loop | over the loop |\n|---|---|---|---|---|", flush=True)
    model, on_cpu = model_on(machine.device, "stream"), model_on(torch.device("cpu"), "stream")
    size = TOKENIZER.size
    parts = nn.Embedding(size, E), nn.GRU(E, 256, 2), nn.Linear(256, size)
    theirs = [each.to(machine.device) for each in parts]
    for rows in STREAMS:
        mine, cpu, plain = machine.seconds(
            lambda rows=rows: model.sample(length=LENGTH, count=rows, temperature=0.8, seed=1),
            lambda rows=rows: on_cpu.sample(length=LENGTH, count=rows, temperature=0.8, seed=1),
            lambda rows=rows: plain_sampling(*theirs, rows),
            rounds=2,
        )
        mine, cpu, plain = (rows * LENGTH / each for each in (mine, cpu, plain))
        print(f"| {rows:,} | {mine:,.0f} | {cpu:,.0f} | {plain:,.0f} | {mine / plain:.2f}× |", flush=True)


def scoring(machine: Machine) -> None:
    dice = random.Random(1)
    lines = ["".join(dice.choices(TOKENIZER.characters, k=dice.randint(3, 40))) for _ in range(LINES)]
    model, on_cpu = model_on(machine.device, "line"), model_on(torch.device("cpu"), "line")
    mine, cpu = machine.seconds(lambda: model.score_many(lines), lambda: on_cpu.score_many(lines), rounds=3)
    here, there = model.score_many(lines[:1_000]), on_cpu.score_many(lines[:1_000])
    apart = max(abs(one.logprob / other.logprob - 1) for one, other in zip(here, there, strict=True))
    print(f"\nScoring {LINES:,} lines of 3 to 40 characters, GRU 2×256")
    print("| charlm, lines/s | charlm on the CPU | largest relative difference of log P |\n|---|---|---|")
    print(f"| {LINES / mine:,.0f} | {LINES / cpu:,.0f} | {apart:.1e} |", flush=True)


def runs(corpora: list[Path], minutes: list[str], device: str) -> None:
    print("\n`charlm train CORPUS --minutes N`")
    print("| corpus | minutes | seconds | network | steps | characters/s | nats/character | bits |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for corpus in corpora:
        for each in minutes:
            with tempfile.TemporaryDirectory() as parent:
                folder = Path(parent) / "model"
                command = [sys.executable, "-m", "charlm", "train", corpus, "--minutes", each, "--device", device]
                before = time.monotonic()
                done = subprocess.run([*command, "-m", folder, "--json", "--quiet"], capture_output=True, text=True)
                seconds = time.monotonic() - before
                if done.returncode:
                    raise SystemExit(done.stderr)
                result, plan = json.loads(done.stdout), json.loads((folder / "plan.json").read_text("utf-8"))
                size = f"{plan['model']['cell']} {plan['model']['layers']}×{plan['model']['hidden_size']}"
                bits = result["validation"]["bits_per_char"]
                cells = f"{size} | {result['steps']:,} | {result['characters_per_second']:,.0f}"
                print(
                    f"| {corpus.name} | {each} | {seconds:.1f} | {cells} | {bits * 0.693147:.4f} | {bits:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
