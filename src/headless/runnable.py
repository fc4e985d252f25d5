"""What every node of a workflow is to the plan and to the runner, whoever made it."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from headless.backend import Context, Execution, Output, Port
from headless.workflow import NodeEntry, VariableValue

VARIABLES = "flow variables"
"""The kind of a port that carries nothing but flow variables."""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a node left.

    parameters : its settings, as it has set them itself.
    shown : those that a report tells of, label to value.
    variables : that it sets whether or not they reach it with the same values; others it leaves in its context.
    """

    execution: Execution
    parameters: Mapping[str, Any]
    shown: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    variables: Mapping[str, VariableValue] = dataclasses.field(default_factory=dict)


class Runnable(ABC):
    """A node of a workflow that can be executed.

    Parameters
    ----------
    entry : the node as stored.
    inputs, outputs : the ports that it has, in the order of KNIME's numbers 1, 2, ...
    """

    def __init__(self, entry: NodeEntry, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        self.entry, self.inputs, self.outputs = entry, tuple(inputs), tuple(outputs)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings as stored, or the defaults of a node that never had any."""
        return self.entry.parameters

    @abstractmethod
    def check(self, parameters: Mapping[str, Any]) -> None:
        """See whether the settings can be run at all.

        Raises
        ------
        UserInputError : they cannot.
        """

    @abstractmethod
    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Configure and execute the node.

        Parameters
        ----------
        inputs : per port what comes to it, None where nothing does or flow variables only.

        Raises
        ------
        UserInputError, NodeError : settings or inputs are refused, or the node is at fault.
        Canceled : the user stopped it.
        """
