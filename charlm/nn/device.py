"""The device that a network runs on."""

import torch

from charlm.errors import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device of this name; `auto` is cuda if the machine has it, else cpu.

    Raises ConfigError for a device that does not exist, or that this machine does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError, ValueError):
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device is {str(name)[:40]!r}; it must be auto, cpu, cuda or mps", setting="device")
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(device.type, 1)
    if (device.index or 0) >= count:
        raise ConfigError(f"this machine, or this torch, has no {name} device", remedy="device_cpu")
    return device
