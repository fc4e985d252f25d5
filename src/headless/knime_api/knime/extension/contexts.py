"""What a node is told about the world it runs in, and what it can tell."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SCALARS = (bool, int, float, str)


@dataclass
class Surroundings:
    """What the contexts of one node's run share; this is what a program that drives nodes sets up.

    Parameters
    ----------
    flow_variables : that reach the node; what it sets is put in.
    data_area : folder data/ of the workflow.
    temp : folder for the node's temporary files.
    is_canceled : whether the user wants to stop.
    report : takes progress, 0 to 1, with a message.
    ports : number of connected (inputs, outputs) per port.
    warnings : what the node warned of.
    """

    flow_variables: dict[str, Any] = field(default_factory=dict)
    data_area: Path | None = None
    temp: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    is_canceled: Callable[[], bool] = lambda: False
    report: Callable[[float, str], None] = lambda fraction, message: None
    ports: tuple[Sequence[int], Sequence[int]] = ((), ())
    warnings: list[str] = field(default_factory=list)
    pushed: dict[str, Any] = field(default_factory=dict)

    def push(self, variables: Mapping[str, Any]) -> None:
        """Take over the variables that a node has set; what it deleted stays.

        Raises
        ------
        TypeError : a value is no bool, int, float or str, nor a list of one of these.
        ValueError : a new name begins with "knime", which is reserved.
        """
        for name, value in variables.items():
            old = self.flow_variables.get(name)
            if name in self.flow_variables and type(old) is type(value) and old == value:
                continue
            if name.startswith("knime") and name not in self.flow_variables:
                raise ValueError(f"The flow variable {name!r} begins with 'knime', which is reserved.")
            _check_variable(name, value)
            self.pushed[name] = value
        self.flow_variables.update(self.pushed)


def _check_variable(name: str, value: Any) -> None:
    # numpy's float64 is a float, too, but KNIME cannot store it
    values = value if isinstance(value, list) else [value]
    if any(type(v) not in _SCALARS for v in values) or len({type(v) for v in values}) > 1:
        raise TypeError(
            f"The flow variable {name!r} has a value of type {type(value).__name__}. It can be a bool, int, float or "
            "str, or a list of one of these."
        )


class _Context:
    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._variables = dict(surroundings.flow_variables)

    @property
    def flow_variables(self) -> dict[str, Any]:
        """Name to value; setting one pushes it to the nodes behind."""
        return self._variables

    def set_warning(self, message: str) -> None:
        """Show a warning on the node."""
        if not isinstance(message, str):
            raise TypeError(f"A warning is a text, not {type(message).__name__}.")
        self._surroundings.warnings.append(message)

    def get_connected_input_port_numbers(self) -> list[int]:
        """Number of connections per input port; ports that are no groups count 1."""
        return list(self._surroundings.ports[0])

    def get_connected_output_port_numbers(self) -> list[int]:
        """Number of ports per output port; ports that are no groups count 1."""
        return list(self._surroundings.ports[1])

    def get_credential_names(self) -> list[str]:
        """There are none outside KNIME."""
        return []


class ConfigurationContext(_Context):
    """Given to `configure`."""


class ExecutionContext(_Context):
    """Given to `execute`."""

    def set_progress(self, progress: float, message: str | None = None) -> None:
        """Show how far the node is, 0 to 1.

        Raises
        ------
        TypeError : no number, or numpy's float32.
        ValueError : below 0 or above 1.
        """
        if not isinstance(progress, int | float):
            raise TypeError(f"Progress is a float, not {type(progress).__name__}.")
        if message is not None and not isinstance(message, str):
            raise TypeError(f"The message of a progress is a text, not {type(message).__name__}.")
        if not 0 <= progress <= 1:
            raise ValueError(f"Progress is 0 to 1, not {progress}.")
        self._surroundings.report(float(progress), message or "")

    def is_canceled(self) -> bool:
        """Whether the user wants to stop; nothing stops a node that does not ask."""
        return bool(self._surroundings.is_canceled())

    def get_workflow_temp_dir(self) -> str:
        """Folder that is there as long as the workflow is open."""
        return str(self._surroundings.temp)

    def get_workflow_data_area_dir(self) -> str:
        """Folder data/ of the workflow.

        Raises
        ------
        ValueError : the node runs in no workflow.
        """
        if self._surroundings.data_area is None:
            raise ValueError("The node runs in no workflow, there is no data area.")
        return str(self._surroundings.data_area)


class DialogCreationContext:
    """Given to functions that choices, hidden choices and conditions are made by."""

    def __init__(self, input_specs: Sequence[Any], flow_variables: Mapping[str, Any]) -> None:
        self._specs, self._variables = list(input_specs), dict(flow_variables)

    def get_input_specs(self) -> list[Any]:
        """One per input port, None where nothing is connected."""
        return list(self._specs)

    def get_flow_variables(self) -> dict[str, Any]:
        """Name to value."""
        return dict(self._variables)

    def get_credential_names(self) -> list[str]:
        """There are none outside KNIME."""
        return []
