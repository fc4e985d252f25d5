"""What `configure` and `execute` get to talk with their surroundings."""

from collections import UserDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from knime.extension._absent import CONTEXT, missing


class Surroundings(Protocol):
    """Where a node runs; given by the backend."""

    temp: Path
    data_area: Path | None
    flow_variables: dict[str, Any]
    warnings: list[str]

    @property
    def report(self) -> Callable[[float, str], None]:
        """Takes the progress, 0 to 1, and a message."""

    @property
    def is_canceled(self) -> Callable[[], bool]:
        """Whether the user wants to stop."""


class FlowVariables(UserDict[str, Any]):
    """Flow variables by name: truth values, numbers, texts, and lists of these. None can be deleted."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.data = dict(variables)

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError("The name of a flow variable is text.")
        if name.startswith("knime"):
            raise ValueError("Flow variables whose names start with 'knime' cannot be set.")
        if not _is_plain(value) and not (isinstance(value, list | tuple) and all(map(_is_plain, value))):
            raise TypeError(f"The flow variable {name!r} cannot be a {type(value).__name__}.")
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        raise ValueError("Flow variables cannot be deleted.")


class ConfigurationContext:
    """The surroundings of `configure`."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._flow_variables = FlowVariables(around.flow_variables)

    def __getattr__(self, name: str) -> Any:
        raise missing(type(self).__name__, name, CONTEXT)

    @property
    def flow_variables(self) -> FlowVariables:
        """Flow variables that reach the node; what is set here flows on."""
        return self._flow_variables

    def set_warning(self, message: str) -> None:
        """Show a warning on the node."""
        self._around.warnings.append(str(message))


class ExecutionContext(ConfigurationContext):
    """The surroundings of `execute`."""

    def set_progress(self, progress: float, message: str | None = None) -> None:
        """Report which part of the work is done, 0 to 1.

        Raises
        ------
        TypeError, ValueError : progress is no float or int, or not within 0 to 1; message is no text.
        """
        if not isinstance(progress, int | float):
            raise TypeError(f"The progress is a float, not a {type(progress).__name__}.")
        if not 0.0 <= progress <= 1.0:
            raise ValueError("The progress lies between 0.0 and 1.0.")
        if message is not None and not isinstance(message, str):
            raise TypeError("The message of the progress is text or None.")
        self._around.report(float(progress), message or "")

    def is_canceled(self) -> bool:
        """Whether the user wants the node to stop; nodes ask often, and then raise."""
        return self._around.is_canceled()

    def get_workflow_data_area_dir(self) -> str:
        """The folder data/ of the workflow; it need not exist."""
        if self._around.data_area is None:
            raise RuntimeError("There is no workflow, and therefore no data area.")
        return str(self._around.data_area)

    def get_workflow_temp_dir(self) -> str:
        """A folder for temporary files."""
        return str(self._around.temp)


def _is_plain(value: Any) -> bool:
    return type(value) in (bool, int, float, str)  # numpy's float64 is a float, too, but KNIME cannot store it
