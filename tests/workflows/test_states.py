"""The templates open in KNIME without a word: every node is stored in the state that KNIME brings it into."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.common import WORKFLOWS

from headless.backend import Context, load_extension
from headless.flow_variables import assigned
from headless.settings_xml import parse
from headless.workflow import read_workflow

FOLDERS = [*sorted(WORKFLOWS.glob("0*")), WORKFLOWS / "components" / "Example"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_nodes_are_stored_in_the_state_that_configuring_leaves_them_in(folder: Path, tmp_path: Path) -> None:
    """KNIME configures every node when it opens a workflow, and tells where the state is another than was stored."""
    extension, workflow = load_extension(WORKFLOWS.parent), read_workflow(folder)
    specs: dict[tuple[int, int], Any] = {}
    waiting = {node.id: node for node in workflow.nodes}
    while ready := [i for i in waiting if not any(c.dest == i and c.source in waiting for c in workflow.connections)]:
        node = waiting.pop(ready[0])
        ends = {c.dest_port: specs.get((c.source, c.source_port)) for c in workflow.connections if c.dest == node.id}
        state = "IDLE"
        if node.kind == "NativeNode" and None not in ends.values():
            kind = extension.nodes[node.node_id]
            counts = [node.port_groups[port.name] if port.is_added else 1 for port in kind.input_ports]
            numbers = itertools.count(1)
            there = [[ends[next(numbers)] for _ in range(count)] for count in counts]
            given = [
                every if port.group else next(iter(every), None)
                for port, every in zip(kind.input_ports, there, strict=True)
            ]
            instance = kind.create()
            instance.load(assigned(node.parameters, node.assignments, workflow.variables), node.version)
            context = Context(tmp_path, folder / "data", dict(workflow.variables))
            made = instance.configure(given, context)
            specs |= {(node.id, i): spec for i, spec in enumerate(made, start=1)}
            state = "CONFIGURED"
        stored = parse(next(folder.glob(f"* (#{node.id})/settings.xml")).read_bytes())[1]["state"]
        assert stored == state, node.title
    assert not waiting
