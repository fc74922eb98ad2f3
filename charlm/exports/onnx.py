"""ONNX: the network as a graph that onnxruntime computes, in Python, C++, C#, Java, on phones and in browsers.

Inputs: `ids` (B, T) and `state` (B, S), zeros at the start. Outputs: `logits` (B, T, V) of the token after each id, and
`next_state` (B, S). Any batch B and length T will do. The vocabulary is in the metadata of the file.
"""

import json

import numpy as np
import torch

from charlm.errors import CharlmError, ConfigError
from charlm.exports import Export, Exported
from charlm.exports._step import state_width, step_of
from charlm.files.atomic import write_atomic
from charlm.language_model import LanguageModel
from charlm.tokenizers import Tokenizer
from charlm.version import __version__

NAMES = ("ids", "state", "logits", "next_state")
_OPSET = 17  # of 2022: runtimes that are some years old read it too
_TOLERANCE = 1e-4  # of a logit, over the largest one or 1
_BATCH, _STEPS = 3, 24  # of the texts with which the file is checked
_LARGEST = 2**31 - 1  # bytes of a file without parts


class Onnx(Export):
    def write(self) -> Exported:
        model = self.language_model
        data = graph_of(model)
        difference = check(data, model)
        write_atomic(self.output, data)
        width = state_width(model.network)
        notes = (
            f"onnxruntime computes the same logits: the largest difference is {difference:.1e}",
            f"inputs: ids (batch, time) and state (batch, {width}); outputs: logits (batch, time,"
            f" {model.tokenizer.size}) and next_state",
        )
        return Exported((self.output,), notes, {"largest_difference": difference, "state_width": width})


def graph_of(model: LanguageModel) -> bytes:
    """Return the bytes of the file. Raises ConfigError if onnx is not installed or the model is too large."""
    try:
        from charlm.exports._traced import Traced, scan_graph
    except ImportError:
        raise _missing() from None
    network = model.network.eval()
    width, size = state_width(network), model.tokenizer.size
    step = Traced(step_of(network), (torch.arange(_BATCH), torch.zeros(_BATCH, width)))
    graph = scan_graph(step, NAMES, (width, size), _OPSET)
    graph.producer_name, graph.producer_version = "charlm", __version__
    tokens = [*Tokenizer.CONTROL, *map(model.tokenizer.token_text, range(len(Tokenizer.CONTROL), size))]
    stated = {"name": model.name, "tokenizer": model.config.tokenizer, "sequence": str(model.config.sequence)}
    for key, value in {**stated, "tokens": json.dumps(tokens)}.items():
        graph.metadata_props.add(key=key, value=value)
    if graph.ByteSize() > _LARGEST:
        raise ConfigError(f"{model.name} is larger than {_LARGEST:,} bytes, the limit of an ONNX file")
    return bytes(graph.SerializeToString())


def check(data: bytes, model: LanguageModel) -> float:
    """Compare the logits of onnxruntime with the network's, and return the largest difference.

    Random tokens are read in two parts, so that the state is checked too. Raises CharlmError if the logits differ.
    """
    try:
        import onnxruntime
    except ImportError:
        raise _missing() from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    generator, largest = torch.Generator().manual_seed(0), 0.0
    for batch, steps in ((1, 1), (_BATCH, _STEPS)):
        ids = torch.randint(model.tokenizer.size, (batch, steps), generator=generator)
        state = np.zeros((batch, state_width(model.network)), np.float32)
        parts = []
        for part in np.split(ids.numpy(), [steps // 2] if steps > 1 else [], axis=1):
            logits, state = session.run(list(NAMES[2:]), {NAMES[0]: part, NAMES[1]: state})
            parts.append(torch.from_numpy(logits))
        with torch.inference_mode():
            expected = model.network(ids.t())[0].transpose(0, 1)
        computed = torch.cat(parts, dim=1)
        finite = expected.isfinite()
        if not finite.equal(computed.isfinite()):
            raise _different()
        difference = float((computed - expected)[finite].abs().max())
        if not difference <= _TOLERANCE * max(1.0, float(expected[finite].abs().max())):
            raise _different()
        largest = max(largest, difference)
    return largest


def _missing() -> ConfigError:
    return ConfigError(
        "an ONNX file needs onnx and onnxruntime, which are not installed; run pip install onnx onnxruntime"
    )


def _different() -> CharlmError:
    return CharlmError("onnxruntime computes other logits than charlm, so no file was written; please report it")
