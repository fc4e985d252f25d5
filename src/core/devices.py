"""Where the computing happens."""

import os

import torch

from core.config import require

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wish: str = "auto") -> str:
    """The device to use: "cpu", "cuda" or "mps".

    Parameters
    ----------
    wish : one of `DEVICES`; "auto" takes a GPU where there is one.

    Raises
    ------
    UserInputError : the wished device is not there.
    """
    require(wish in DEVICES, "device", wish, f"one of {', '.join(DEVICES)}")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        return next(device for device, available in there.items() if available)
    require(there[wish], "device", wish, "a device of this computer; it has " + ", ".join(d for d in there if there[d]))
    return wish


def describe_device(device: str) -> str:
    """The device in words, for logs: its name and its memory or number of threads."""
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        return f"GPU {properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if device == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()} cores"


def precision(device: str) -> str:
    """The number format for training, in Lightning Fabric's words.

    Mixed precision on GPUs only: on CPUs without the instructions for it, bfloat16 is some forty times slower.
    """
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "32-true"
