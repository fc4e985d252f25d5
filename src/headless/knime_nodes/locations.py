"""Where the files lie that KNIME's nodes read and write."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from core.errors import UserInputError
from headless.knime_nodes import model

_WORKFLOW_URL = "knime://knime.workflow/"
_DATA_AREA, _WORKFLOW = "knime.workflow.data", "knime.workflow"


@dataclasses.dataclass(frozen=True)
class Location:
    """A file: absolute, or seen from the data area or the folder of the workflow.

    base : "knime.workflow.data", "knime.workflow", or "" for an absolute path.
    """

    base: str
    path: str

    @classmethod
    def from_model(cls, stored: Mapping[str, Any]) -> "Location":
        """The location as KNIME's file choosers store it.

        Raises
        ------
        UserInputError : none was chosen, or one that only KNIME reaches.
        """
        if not model.flag(stored, "location_present"):
            raise UserInputError("No file is chosen.", todo="Choose one in KNIME.")
        kind = model.one_of(stored, "file_system_type", ("LOCAL", "RELATIVE", "CUSTOM_URL"))
        path = model.text(stored, "path")
        if "\0" in path:
            raise UserInputError(f"The path {path!r} is that of no file.")
        if kind == "LOCAL":
            if not Path(path).is_absolute():
                raise UserInputError(f"The path {path!r} is not absolute.")
            return cls("", path)
        if kind == "RELATIVE":
            return cls(model.one_of(stored, "file_system_specifier", (_DATA_AREA, _WORKFLOW)), path)
        if not path.startswith(_WORKFLOW_URL):
            raise model.only_knime(f"path = {path!r}")
        return cls(_WORKFLOW, unquote(path.removeprefix(_WORKFLOW_URL)))

    def resolved(self, data_area: Path | None) -> Path:
        """The file for a workflow with this data area.

        Raises
        ------
        UserInputError : there is no data area that it could be seen from.
        """
        if not self.base:
            return Path(self.path)
        if data_area is None:
            raise UserInputError(f"The workflow has no data area for {self.path!r}.")
        start = data_area if self.base == _DATA_AREA else data_area.parent
        return start / PurePosixPath(self.path.lstrip("/"))
