"""The sample extension that the golden workflow folders were built with, as far as the writer asks for it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from headless.backend import Extension, Port

GOLDEN = Path(__file__).parent / "golden"


def node_type(name: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], defaults: dict[str, Any]) -> Any:
    """A node with these defaults."""
    return SimpleNamespace(
        name=name, input_ports=inputs, output_ports=outputs, default_parameters=lambda: defaults, parameters=tuple
    )


def port(name: str, kind: str = "table", optional: bool = False) -> Port:
    """A port without description."""
    return Port(name, "", kind, optional)


SAMPLE = Extension(
    group_id="org.example",
    name="sample",
    version="0.2.0",
    description="Sample",
    vendor="Example",
    folder=Path(),
    nodes={
        "TensorSource": node_type(
            "Tensor Source",
            (),
            (port("Images"), port("Model", "port")),
            {"n": 2, "image": {"dtype": "UINT16", "height": 4, "width": 7, "channels": 1}, "previews": True},
        ),
        "TensorConsumer": node_type(
            "Tensor Consumer",
            (port("Model", "port"), port("Images"), port("Extra", optional=True)),
            (port("Scores"), port("Plot", "image")),
            {"column": None, "scale": 1.0},
        ),
    },
)
