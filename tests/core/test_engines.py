"""What runs a network keeps to itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PREDICTION = """
import numpy as np
from core.inference.predict import Predictor
from core.pretrained import load

Predictor(load("nuclei-fluorescence"), "cpu", "onnx").maps(np.zeros((1, 32, 32), np.float32))
"""


def test_onnx_runtime_tells_nobody(tmp_path: Path) -> None:
    """Its telemetry starts with an identifier of the computer, kept in the user's cache folder."""
    pytest.importorskip("onnxruntime")
    tells = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("XDG")}
    environment = {
        **tells,
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", PREDICTION], env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "onnxruntime" in str(path)]
