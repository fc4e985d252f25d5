"""Where the computing happens."""

import os
from typing import Any

import torch

from core.config import require
from core.errors import UserInputError

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wish: str = "auto", count: int = 1) -> str:
    """The device to use: "cpu", "cuda" or "mps".

    Parameters
    ----------
    wish : one of `DEVICES`; "auto" takes a GPU where there is one.
    count : how many are wanted; processes on a CPU are never too many.

    Raises
    ------
    UserInputError : the wished device is not there, or not so often.
    """
    require(wish in DEVICES, "device", wish, f"one of {', '.join(DEVICES)}")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wish == "auto":
        wish = next(device for device, available in there.items() if available)
    if not there[wish]:
        raise UserInputError(
            f"This computer has no device {wish!r} that PyTorch can use.",
            todo=f"Choose auto, or one of {', '.join(device for device in there if there[device])}.",
        )
    found = {"cuda": torch.cuda.device_count(), "mps": 1, "cpu": count}[wish]
    if count > found:
        raise UserInputError(
            f"The training is set to {count} graphics cards, this computer has {found} that PyTorch can use.",
            todo=f"Set the number of graphics cards (devices) to {found}.",
        )
    return wish


def describe_device(device: str) -> str:
    """The device in words, for logs: its name and its memory or number of threads."""
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        return f"GPU {properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if device == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads != 1)} on {os.cpu_count()} cores"


def precision(device: str) -> str:
    """The number format for training, in Lightning Fabric's words: "32-true", "16-mixed" or "bf16-mixed".

    Mixed precision where the processor has instructions for it: it then takes half the time. A CPU without them would
    need forty times as long.
    """
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if device == "cpu" and _cpu_has_bfloat16():
        return "bf16-mixed"
    return "32-true"


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself; older PyTorch versions cannot tell, then it is taken not to."""
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
