"""A computation of torch as a graph of ONNX.

The network's own Python is traced, once, into the operations of torch that it consists of, and each operation becomes
one of ONNX or a few. So a new cell or readout needs no equations here, as long as its operations are in the table.
Operations on weights alone are computed once, and their results are stored.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from charlm.errors import ConfigError

_POINTWISE = {
    **{"add.Tensor": "Add", "add.Scalar": "Add", "mul.Tensor": "Mul", "mul.Scalar": "Mul", "div.Tensor": "Div"},
    **{"sub.Tensor": "Sub", "neg.default": "Neg", "sigmoid.default": "Sigmoid", "tanh.default": "Tanh"},
    **{"relu.default": "Relu", "exp.default": "Exp", "log.default": "Log", "clone.default": "Identity"},
    **{"softplus.default": "Softplus", "alias.default": "Identity", "detach.default": "Identity"},
}


class Traced:
    """The operations of `function` as ONNX nodes, and the weights that they use.

    inputs, outputs: the names of its arguments and results in the graph. The first axis of an argument is the batch.
    Raises ConfigError, which names the operation, if ONNX has none for it here.
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], arguments: Sequence[Tensor]) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self._names: dict[fx.Node, str] = {}
        self._values: dict[fx.Node, Any] = {}  # results that do not depend on the arguments
        with torch.no_grad():
            module = make_fx(function)(*arguments)
        self.inputs: list[str] = []
        for node in module.graph.nodes:
            if node.op == "placeholder":
                self.inputs.append(self._name(node, f"step_{node.name}"))
            elif node.op == "get_attr":
                self._values[node] = getattr(module, str(node.target)).detach()
            elif node.op == "call_function":
                self._call(node)
            else:
                self.outputs = [self._operand(each) for each in node.args[0]]

    def _call(self, node: fx.Node) -> None:
        if not any(each in self._names for each in node.all_input_nodes):
            arguments, keywords = fx.node.map_arg((node.args, node.kwargs), self._values.__getitem__)
            function = cast(Callable[..., Any], node.target)
            self._values[node] = function(*arguments, **keywords)
        elif node.target is operator.getitem:
            source, index = node.args
            self._names[node] = f"{self._names[source]}_{index}"  # type: ignore[index]
        else:
            self._convert(node, str(node.target).removeprefix("aten."))

    def _convert(self, node: fx.Node, kind: str) -> None:
        """Add the nodes for an operation."""
        given: list[Any] = [*node.args]
        if kind in _POINTWISE:
            count = 1 if len(node.all_input_nodes) == 1 and not _numbers(given[1:2]) else 2
            self._add(node, _POINTWISE[kind], given[:count])
        elif kind in ("_softmax.default", "_log_softmax.default"):
            self._add(node, "Softmax" if kind[1] == "s" else "LogSoftmax", given[:1], axis=given[1])
        elif kind in ("addmm.default", "mm.default", "linear.default"):
            *bias, left, right = given if kind[0] != "l" else [*given[2:], given[0], given[1]]
            self._add(node, "Gemm", [left, right, *bias], transB=int(kind[0] == "l"))
        elif kind == "addcmul.default":
            product = self._step("Mul", given[1:3])
            self._add(node, "Add", [product, given[0]])
        elif kind == "lerp.Tensor":  # a + w (b - a)
            share = self._step("Mul", [given[2], self._step("Sub", [given[1], given[0]])])
            self._add(node, "Add", [given[0], share])
        elif kind == "log_sigmoid_forward.default":
            self._names[node] = self._name(node)
            self._emit("Neg", [self._step("Softplus", [self._step("Neg", given[:1])])], [f"{self._names[node]}_0"])
        elif kind == "embedding.default":
            self._add(node, "Gather", given[:2], axis=0)
        elif kind == "index_select.default":
            self._add(node, "Gather", [given[0], given[2]], axis=given[1])
        elif kind == "select.int":
            self._add(node, "Gather", [given[0], torch.tensor(given[2])], axis=given[1])
        elif kind == "cat.default":
            self._add(node, "Concat", given[0], axis=given[1] if len(given) > 1 else 0)
        elif kind == "slice.Tensor":
            limits = [torch.tensor([each]) for each in (*given[2:4], given[1])]
            self._add(node, "Slice", [given[0], *limits])
        elif kind == "unsqueeze.default":
            self._add(node, "Unsqueeze", [given[0], torch.tensor([given[1]])])
        elif kind in ("split.Tensor", "split_with_sizes.default"):
            self._split(node)
        else:
            raise ConfigError(f"the network uses {kind}, for which this export has no operation of ONNX")

    def _split(self, node: fx.Node) -> None:
        parts = node.meta["val"]
        axis = node.args[2] if len(node.args) > 2 else node.kwargs.get("dim", 0)
        name = self._names[node] = self._name(node)
        sizes = torch.tensor([part.shape[axis] for part in parts])
        self._emit("Split", [node.args[0], sizes], [f"{name}_{index}" for index in range(len(parts))], axis=axis)

    def _add(self, node: fx.Node, operation: str, operands: Sequence[Any], **attributes: Any) -> None:
        self._emit(operation, operands, [self._name(node)], **attributes)

    def _step(self, operation: str, operands: Sequence[Any]) -> str:
        """Add an intermediate node, and return the name of its result."""
        name = f"between_{len(self.nodes)}"
        self._emit(operation, operands, [name])
        return name

    def _emit(self, operation: str, operands: Sequence[Any], results: list[str], **attributes: Any) -> None:
        names = [self._operand(each) for each in operands]
        self.nodes.append(helper.make_node(operation, names, results, **attributes))

    def _name(self, node: fx.Node, name: str = "") -> str:
        return self._names.setdefault(node, name or node.name)

    def _operand(self, value: Any) -> str:
        """Return the name of an operand; a weight or a number is stored under a name of its own."""
        if isinstance(value, str):
            return value
        if isinstance(value, fx.Node) and value in self._names:
            return self._names[value]
        tensor = self._values[value] if isinstance(value, fx.Node) else torch.as_tensor(value)
        name = f"weight_{value.name}" if isinstance(value, fx.Node) else f"constant_{len(self.weights)}"
        if name not in self.weights:
            array = np.asarray(tensor.detach().cpu().numpy(), order="C")
            self.weights[name] = numpy_helper.from_array(array, name)
        return name


def _numbers(values: Sequence[Any]) -> bool:
    return any(isinstance(value, int | float) for value in values)


def scan_graph(step: Traced, names: tuple[str, str, str, str], sizes: tuple[int, int], opset: int) -> onnx.ModelProto:
    """Return a model that repeats a step in time.

    step: ids (B,) and state (B, S) → logits (B, V) and state (B, S). The model: ids (B, T) and state (B, S) →
    logits (B, T, V) and state (B, S), under the `names` given; `sizes` are S and V.
    """
    ids, state, logits, last = names
    width, vocabulary = sizes
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        step.nodes,
        "step",
        [
            info(step.inputs[1], TensorProto.FLOAT, ["batch", width]),
            info(step.inputs[0], TensorProto.INT64, ["batch"]),
        ],
        [
            info(step.outputs[1], TensorProto.FLOAT, ["batch", width]),
            info(step.outputs[0], TensorProto.FLOAT, ["batch", vocabulary]),
        ],
    )
    scan = helper.make_node(
        *("Scan", [state, ids], [last, logits]),
        body=body,
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
    )
    graph = helper.make_graph(
        [scan],
        "charlm",
        [
            info(ids, TensorProto.INT64, ["batch", "time"]),
            info(state, TensorProto.FLOAT, ["batch", width]),
        ],
        [
            info(logits, TensorProto.FLOAT, ["batch", "time", vocabulary]),
            info(last, TensorProto.FLOAT, ["batch", width]),
        ],
        list(step.weights.values()),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
