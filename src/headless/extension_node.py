"""A node of the extension, ready to run."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import UserInputError
from headless.backend import Context, NodeInstance, NodeType, Output
from headless.runnable import Ran, Runnable
from headless.workflow import NodeEntry


class ExtensionNode(Runnable):
    """A node of the extension.

    Parameters
    ----------
    kind : its type. An optional port, or one of a group, exists only where it was added in the workflow.
    """

    def __init__(self, entry: NodeEntry, kind: NodeType) -> None:
        self._kind = kind
        counts = (entry.port_groups.get(port.name, 0) if port.is_added else 1 for port in kind.input_ports)
        self._present = [i for i, count in enumerate(counts) for _ in range(count)]
        super().__init__(entry, [kind.input_ports[i] for i in self._present], kind.output_ports)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings as stored; KNIME takes the defaults for a node that was never configured, too."""
        return self.entry.parameters or self._kind.default_parameters()

    def check(self, parameters: Mapping[str, Any]) -> None:
        """See what the node's own validation says."""
        self._instance(parameters)

    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Configure and execute the node."""
        instance = self._instance(parameters)
        declared: list[Any] = [[] if port.group else None for port in self._kind.input_ports]
        for i, value in zip(self._present, inputs, strict=True):
            if self._kind.input_ports[i].group:
                declared[i].append(value)
            else:
                declared[i] = value
        instance.configure(declared, context)
        execution = instance.execute(declared, context)
        return Ran(execution, instance.parameters, _changed(instance))

    def _instance(self, parameters: Mapping[str, Any]) -> NodeInstance:
        instance = self._kind.create()
        instance.load(parameters, self.entry.version)
        if problem := instance.validate():
            raise UserInputError(problem)
        return instance


def _changed(instance: NodeInstance) -> dict[str, Any]:
    """Label to shown value of the settings that are not at their defaults."""
    result = {}
    for parameter in instance.kind.parameters():
        value: Any = instance.parameters
        for name in parameter.path:
            value = value[name]
        if value != parameter.default and not (parameter.kind == "column" and not value and not parameter.default):
            labels = {choice.id: choice.label for choice in parameter.choices}
            result[" / ".join((*parameter.groups, parameter.label))] = labels.get(value, value)
    return result
