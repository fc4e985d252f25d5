from typing import Any

import pytest
import torch

from core.devices import choose_device, describe_device, precision
from core.errors import UserInputError


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
        ({}, "32-true"),
    ],
)
def test_mixed_precision_only_on_processors_made_for_it(
    capabilities: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert precision("cpu") == expected


def test_a_pytorch_that_cannot_tell_trains_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision("cpu") == "32-true"


def test_a_device_that_is_not_there_is_refused() -> None:
    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(UserInputError, match=f"no device '{missing}'.*Choose auto, or one of"):
        choose_device(missing)
    with pytest.raises(UserInputError, match="tpu"):
        choose_device("tpu")


def test_devices_in_words() -> None:
    assert describe_device("cpu").startswith(f"CPU, {torch.get_num_threads()} thread")
