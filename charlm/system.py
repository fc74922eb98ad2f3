"""The system that charlm runs on, for bug reports and for published figures."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from charlm.checkpoints.model_paths import CHECKPOINTS
from charlm.compiled import VARIABLE, forced
from charlm.nn.native.library import path_in_use, resolve_precision
from charlm.version import __version__


def describe_system() -> dict[str, Any]:
    """Return the versions, the device, the threads and the paths in use."""
    return machine() | {
        "package": os.path.dirname(os.path.abspath(__file__)),
        "checkpoints": str(CHECKPOINTS.resolve()),
    }


def machine() -> dict[str, Any]:
    """Return what a run depends on besides its plan and its corpus; no paths, and no names of people."""
    return {
        "charlm": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "safetensors": version("safetensors"),
        "sentencepiece": version("sentencepiece"),
        "platform": platform.platform(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "recurrence": path_in_use() + (f" (set by {VARIABLE})" if forced() else ""),
        "precision": f"{resolve_precision('auto', torch.device('cpu'))} in training on the CPU, float32 elsewhere",
    }
