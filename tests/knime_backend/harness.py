"""Load an extension into KNIME's own Python backend and check its nodes, dialogs and descriptions.

    KNIME_PYTHON_SOURCE=... python tests/knime_backend/harness.py FOLDER_OF_KNIME_YML

Exit code 0: all is well, 1: problems, 2: KNIME could not load the extension.
"""

import argparse
import copy
import importlib
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.knime_backend.dialog import description_problems, dialog_problems
from tests.knime_backend.java import NodeFailure
from tests.knime_backend.node import KnimeNode
from tests.knime_backend.session import KnimeSession


def problems_of(session: KnimeSession, node: dict[str, Any]) -> list[str]:
    """Everything that is wrong with one node of an extension."""
    found = description_problems(node, session.categories, session.folder)
    handle = KnimeNode(session, node["id"])
    try:
        found += dialog_problems(handle.dialog(*sample_specs(node)))
        defaults = copy.deepcopy(handle.settings)
        if handle.save_and_load_settings().settings != defaults:
            found.append("the defaults change when a workflow is saved")
    except (NodeFailure, ValueError) as error:
        found.append(str(error))
    message = handle.validate()
    return found + ([f"the defaults are refused: {message}"] if message else [])


def sample_specs(node: dict[str, Any]) -> list[Any]:
    """Inputs for a dialog: a table with columns of all kinds for the tables, one in a group, nothing for objects."""
    knext, pil, builtin = (
        importlib.import_module(name) for name in ("knime.extension", "PIL.Image", "knime.types.builtin")
    )
    columns = [
        knext.Column(knext.int32(), "int"),
        knext.Column(knext.int64(), "long"),
        knext.Column(knext.double(), "double"),
        knext.Column(knext.string(), "string"),
        knext.Column(knext.bool_(), "bool"),
        knext.Column(knext.list_(knext.double()), "doubles"),
        knext.Column(knext.logical(pil.Image), "picture"),
        knext.Column(knext.logical(builtin.DenseByteVectorValue), "bytes"),
    ]
    schema = knext.Schema.from_columns(columns)
    ports = node["input_port_specifier"]
    specs = [schema if port["type_string"] == "PortType.TABLE" else None for port in ports]
    return [[spec] if port["group"] else spec for port, spec in zip(ports, specs, strict=True)]


def main() -> int:
    """Check the extension that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="knime-backend-") as temp:
        try:
            session = KnimeSession(folder, Path(temp))
        except Exception:  # noqa: BLE001  whatever keeps KNIME from loading it is what this is about
            traceback.print_exc()
            return 2
        wrong = 0
        for node in session.nodes:
            found = problems_of(session, node)
            wrong += bool(found)
            print(f"{'!' if found else ' '} {node['id']}: {'; '.join(found) or 'ok'}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
