"""CUDA graphs: a GPU reads a whole window without waiting for Python between the steps.

A step of a cell is a few small operations, and starting each from Python takes longer than the GPU needs to compute it.
A graph records what a network does with a window, forward and backward, and replays it with one call. It reads its
input from tensors of its own and leaves its results in others.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from charlm.nn.random_numbers import lent

_MOST_FORMS, _MOST_GRAPHS = 64, 8  # of windows that are known, and that are recorded, for each network
_WARM_UP = 3  # runs before a graph is recorded

Read = Callable[..., tuple[Tensor, ...]]  # reads tensors, and weights of a module
_known: WeakKeyDictionary[nn.Module, dict[Any, "_Graph | None"]] = WeakKeyDictionary()
_thread = local()


def recording() -> bool:
    """Return whether this thread records a graph: then nothing may wait for the GPU, or depend on values there."""
    return getattr(_thread, "recording", False)


def run(
    module: nn.Module,
    read: Read,
    given: Sequence[Tensor],
    generator: torch.Generator | None = None,
    settings: Hashable = None,
) -> tuple[Tensor, ...]:
    """Return `read(*given)` for tensors on a GPU, by a graph from the second window of the same form on.

    `read` must depend on nothing else but the weights of `module` and `settings`. generator: draws the dropout.
    """
    known = _known.setdefault(module, {})
    form = settings, _form(module, given)
    graph = known.get(form)
    if not graph and form in known:
        graphs = [each for each, recorded in known.items() if recorded]
        if len(graphs) >= _MOST_GRAPHS:
            del known[graphs[0]]
        graph = known[form] = _recorded(module, read, given, generator)
    if not graph:
        if len(known) >= _MOST_FORMS:
            known.clear()
        known[form] = None
        return read(*given)
    return graph(given, generator)


def _form(module: nn.Module, given: Sequence[Tensor]) -> Any:
    """Return what a graph depends on besides the values of its tensors."""
    return (
        *((each.shape, each.dtype, each.requires_grad) for each in given),
        *((each.data_ptr(), each.requires_grad) for each in module.parameters()),
        module.training,
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_float32_matmul_precision(),
    )


def _recorded(
    module: nn.Module, read: Read, given: Sequence[Tensor], generator: torch.Generator | None
) -> "_Graph | None":
    """Record a graph; return None if the GPU has no memory for it."""
    _thread.recording = True
    try:
        with lent(generator.clone_state() if generator else None, given[0].device):
            return _Graph(module, read, given)
    except torch.OutOfMemoryError:
        return None
    finally:
        _thread.recording = False


@contextmanager
def _as_new(module: nn.Module) -> Iterator[dict[int, nn.Parameter]]:
    """Give a module parameters that share the memory of its own, which autograd has not seen on another stream.

    Yields its own parameter by the id of the new one.
    """
    slots = [
        (each, name, own) for each in module.modules() for name, own in each._parameters.items() if own is not None
    ]
    new = {id(own): nn.Parameter(own.detach(), own.requires_grad) for _, _, own in slots}
    try:
        for each, name, own in slots:
            each._parameters[name] = new[id(own)]
        yield {id(new[id(own)]): own for _, _, own in slots}
    finally:
        for each, name, own in slots:
            each._parameters[name] = own


class _Graph:
    """The recorded operations of a window, forward and, with gradients, backward."""

    def __init__(self, module: nn.Module, read: Read, given: Sequence[Tensor]) -> None:
        self._given = [each.detach().clone().requires_grad_(each.requires_grad) for each in given]
        self.weights: list[Tensor] = []  # those that `read` reads, if they have a gradient
        with_gradient = torch.is_grad_enabled()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), _as_new(module):
            for _ in range(_WARM_UP):
                outputs = read(*self._given)
                if with_gradient:
                    self._gradients(
                        outputs, _weights(outputs, self._given), [torch.ones_like(each) for each in outputs]
                    )
                del outputs
        torch.cuda.current_stream().wait_stream(stream)
        self._forward, self._backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with _as_new(module) as own:
            with torch.cuda.graph(self._forward, stream=stream):
                outputs = read(*self._given)
            self._with_gradient = with_gradient and any(each.requires_grad for each in outputs)
            if self._with_gradient:
                self._grad_outputs = [torch.zeros_like(each) for each in outputs]
                weights = _weights(outputs, self._given)
                with torch.cuda.graph(self._backward, pool=self._forward.pool(), stream=stream):
                    self._grads = self._gradients(outputs, weights, self._grad_outputs)
                self.weights = [own[id(each)] for each in weights]
        self._outputs = [each.detach() for each in outputs]

    def __call__(self, given: Sequence[Tensor], generator: torch.Generator | None) -> tuple[Tensor, ...]:
        if not self._with_gradient:
            return self.replay(given, generator)
        results: tuple[Tensor, ...] = _Replay.apply(self, generator, *given, *self.weights)  # type: ignore[no-untyped-call]
        return results

    def replay(self, given: Sequence[Tensor], generator: torch.Generator | None) -> tuple[Tensor, ...]:
        for mine, each in zip(self._given, given, strict=False):  # the weights may follow
            mine.detach().copy_(each)
        with lent(generator, given[0].device):
            self._forward.replay()
        return tuple(each.clone() for each in self._outputs)

    def replay_backward(self, grad_outputs: Sequence[Tensor]) -> Iterator[Tensor | None]:
        """Yield the gradient of everything given, and of each weight; None where there is none."""
        for mine, each in zip(self._grad_outputs, grad_outputs, strict=True):
            mine.copy_(each)
        self._backward.replay()
        grads = iter(self._grads)
        for each in [*self._given, *self.weights]:
            grad = next(grads) if each.requires_grad else None
            yield None if grad is None else grad.clone()

    def _gradients(
        self, outputs: Sequence[Tensor], weights: Sequence[Tensor], grad_outputs: Sequence[Tensor]
    ) -> tuple[Tensor | None, ...]:
        """Return the gradient of everything given that wants one, then of each weight."""
        ends = [number for number, each in enumerate(outputs) if each.requires_grad]
        wanted = [*(each for each in self._given if each.requires_grad), *weights]
        if not ends or not wanted:
            return ()
        return torch.autograd.grad(
            [outputs[number] for number in ends], wanted, [grad_outputs[number] for number in ends], allow_unused=True
        )


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: _Graph, generator: torch.Generator | None, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.graph = graph
        return graph.replay(tensors, generator)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *ctx.graph.replay_backward(grad_outputs))


def _weights(outputs: Sequence[Tensor], given: Sequence[Tensor]) -> list[Tensor]:
    """Return the leaves of autograd that outputs depend on, other than what was given."""
    leaves: dict[int, Tensor] = {}
    nodes: list[Any] = [each.grad_fn for each in outputs if each.grad_fn]
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if hasattr(node, "variable"):
            leaves[id(node.variable)] = node.variable
        for following, _ in node.next_functions:
            if following and following not in seen:
                seen.add(following)
                nodes.append(following)
    own = {id(each) for each in given}
    return [each for key, each in leaves.items() if key not in own]
