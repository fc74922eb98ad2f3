"""The recurrence alone, forward and backward, against the rate of a large matrix product in the same run.

FLOP: 2 · H · G · B · T for the product of a pass, three times that in training (forward, dW, dh). float32, T 64. Then
the cells without such a product: the two ways of scan.py to compute their states, and a loop through autograd.
"""

from unittest import mock

import torch
from timing import best_seconds, conditions

from charlm.nn.cells import Cell
from charlm.registry import find

T = 64
SHAPES = (("gru", 512, 64), ("gru", 256, 32), ("gru", 384, 32), ("lstm", 256, 32), ("lstm", 512, 64), ("rnn", 256, 32))


def main() -> None:
    print(f"recurrence, forward + backward, T {T}, {conditions()}")
    print("| cell | H | B | GFLOP/s | product (64×512)·(512×1536) | ratio | over plain torch |")
    print("|---|---|---|---|---|---|---|")
    torch.set_flush_denormal(True)
    left, right = torch.randn(64, 512), torch.randn(512, 1536)
    for name, H, B in SHAPES:
        cell = find(Cell, name)(8, H)
        projected = torch.randn(T, B, cell.weight_hh.shape[0], requires_grad=True)
        gradient = torch.randn(T, B, H)

        def recur(
            way: object, cell: Cell = cell, projected: torch.Tensor = projected, g: torch.Tensor = gradient
        ) -> None:
            cell.zero_grad()
            projected.grad = None
            outputs, _ = way(projected, cell.zero_state(projected.shape[1]))  # type: ignore[operator]
            outputs.backward(g)

        seconds, plain, product = best_seconds(
            lambda cell=cell: recur(cell.recur),
            lambda cell=cell: recur(cell.unroll),
            lambda: [left @ right for _ in range(50)],
        )
        rate = 3 * 2 * cell.weight_hh.numel() * B * T / seconds / 1e9
        peak = 50 * 2 * 64 * 512 * 1536 / product / 1e9
        print(f"| {name} | {H} | {B} | {rate:.0f} | {peak:.0f} | {rate / peak:.2f} | {plain / seconds:.1f}× |")
    scans()


def scans() -> None:
    print(
        "\n| scan | H | B | steps in one node, ms | log2 T rounds | steps through autograd |\n|---|---|---|---|---|---|"
    )
    for name, H, B in (("mingru", 256, 32), ("minlstm", 256, 32), ("mingru", 512, 32), ("mingru", 256, 1)):
        cell = find(Cell, name)(8, H)
        projected = torch.randn(T, B, cell.gates * H, requires_grad=True)

        def recur(
            way: str, in_steps: bool = True, cell: Cell = cell, projected: torch.Tensor = projected, B: int = B
        ) -> None:
            with mock.patch("charlm.nn.scan.use_sequential", lambda like: in_steps):
                getattr(cell, way)(projected, cell.zero_state(B))[0].sum().backward()

        ways = [lambda r=recur: r("recur"), lambda r=recur: r("recur", False), lambda r=recur: r("unroll")]
        print(f"| {name} | {H} | {B} | " + " | ".join(f"{1000 * each:.2f}" for each in best_seconds(*ways)) + " |")


if __name__ == "__main__":
    main()
