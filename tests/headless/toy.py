"""The toy extension and workflows of its nodes."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headless.backend import Extension, load_extension
from headless.workflow_builder import build_workflow
from headless.workflow_template import Template, TemplateComponent, TemplateNode

FOLDER = Path(__file__).parent / "toy_extension"


@functools.cache
def toy() -> Extension:
    """The toy extension."""
    return load_extension(FOLDER)


def build(
    folder: Path,
    nodes: Sequence[TemplateNode | TemplateComponent],
    connections: Sequence[tuple[int, str, int, str]] = (),
    variables: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """A workflow of toy nodes in `folder`."""
    template = Template("A toy workflow.", nodes, connections, variables or {}, **more)
    build_workflow(folder, toy(), template)
    return folder


def product(folder: Path, **more: Any) -> Path:
    """Numbers 0, 1, 2 times the factor 2, counts and the factor given by workflow variables."""
    nodes = (
        TemplateNode(
            1, "NumberSource", "Make numbers", uses={"count": "how_many"}, exposes={"values/offset": "offset"}
        ),
        TemplateNode(2, "FactorMaker", "Make a factor", uses={"factor": "factor"}),
        TemplateNode(3, "Multiplier", "Multiply", parameters={"column": "value"}),
    )
    connections = ((1, "Numbers", 3, "Numbers"), (2, "Factor", 3, "Factor"))
    return build(folder, nodes, connections, {"how_many": 3, "factor": 2.0, "output_folder": ""}, **more)


def failing(folder: Path, kind: str) -> Path:
    """Trouble of a kind between nodes that have none."""
    nodes = (
        TemplateNode(1, "NumberSource"),
        TemplateNode(2, "Trouble", parameters={"kind": kind}),
        TemplateNode(3, "Trouble"),
        TemplateNode(4, "Trouble", "Survivor"),
    )
    connections = [(1, "Numbers", 2, "Numbers"), (2, "Numbers", 3, "Numbers"), (1, "Numbers", 4, "Numbers")]
    return build(folder, nodes, connections)


CLI = "import sys; from headless.cli import main; sys.exit(main())"


def started(*words: object, code: str = CLI, prefix: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
    """`microseg` with the toy extension, as a process of its own; `prefix` are words before Python's."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", code, "--extension", str(FOLDER), *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
