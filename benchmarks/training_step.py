"""A whole training step of a character model against the same model from torch's own modules.

V 65, B 32, T 64; torch: nn.Embedding + nn.GRU or nn.LSTM + nn.Linear, clipping, fused AdamW. Tokens a second.
"""

import torch
from timing import best_seconds
from torch import nn
from torch.nn import functional

from charlm.batches import Batch
from charlm.config import ModelConfig
from charlm.network import Network
from charlm.optimization import Learner

V, B, T, E = 65, 32, 64, 64


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
    print(f"training step, V {V}, B {B}, T {T}, {torch.get_num_threads()} threads")
    print("| cell | H | layers | charlm tokens/s | torch.nn tokens/s | ratio |")
    print("|---|---|---|---|---|---|")
    torch.set_flush_denormal(True)
    ids, targets = torch.randint(3, V, (2, T, B))
    for cell, H, layers in (("gru", 256, 1), ("gru", 256, 2), ("lstm", 256, 1), ("lstm", 256, 2), ("gru", 512, 2)):
        shape = ModelConfig(cell=cell, hidden_size=H, layers=layers, embedding_size=E, dropout=0.0, sequence="stream")
        learner = Learner(Network(shape, V), clip=1.0)
        model = TorchModel(cell, H, layers)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

        def torch_step(model: TorchModel = model, optimizer: torch.optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

        batch = Batch(ids, targets, None, fresh=False)
        mine, theirs = best_seconds(lambda learner=learner, batch=batch: learner.learn(batch, 1e-3), torch_step)
        rates = B * T / mine, B * T / theirs
        print(f"| {cell} | {H} | {layers} | {rates[0]:,.0f} | {rates[1]:,.0f} | {rates[0] / rates[1]:.2f}× |")


if __name__ == "__main__":
    main()
