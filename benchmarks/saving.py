"""The cost of saving the whole state of a run: seconds of one save, and its share of the time between two saves.

The networks have the sizes that charlm chooses and the vocabulary of tiny-shakespeare. The state includes the moving
average and the best weights, as at the end of a run. The disk is that of the current folder.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from timing import best_seconds

from charlm.checkpoints import training_state
from charlm.checkpoints.training_state import TrainingState
from charlm.config import ModelConfig, TrainConfig
from charlm.nn.network import Network
from charlm.training.learner import Learner

V = 65
SIZES = ((1, 128), (2, 256), (2, 384), (2, 512), (2, 640))  # layers, width


def main() -> None:
    every = TrainConfig.save_every
    print(f"| network | MB of state | seconds of a save | share of {every:g} s |")
    print("|---|---|---|---|")
    for layers, width in SIZES:
        shape = ModelConfig(layers=layers, hidden_size=width, embedding_size=64, dropout=0.0)
        learner = Learner(Network(replace(shape, sequence="stream"), V), TrainConfig())
        learner.update_average(0, 1.0)
        best = {f"best.{name}": tensor.clone() for name, tensor in learner.network.state_dict().items()}
        saved = TrainingState(1, {}, learner.tensors() | best)
        size = sum(tensor.nbytes for tensor in saved.tensors.values()) / 1e6
        with tempfile.TemporaryDirectory(dir=".") as folder:
            (seconds,) = best_seconds(
                lambda folder=folder, saved=saved: training_state.save(Path(folder), saved), rounds=8
            )
        print(f"| {layers} × {width} | {size:.0f} | {seconds:.3f} | {seconds / every:.2%} |", flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
