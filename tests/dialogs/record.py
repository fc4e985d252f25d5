"""The dialogs that KNIME's Python backend makes of the nodes, as files: for tests where that backend is absent.

    MICROSEG_BACKEND=knime KNIME_PYTHON_SOURCE=... python -m tests.dialogs.record

writes them anew.
"""

import json
from pathlib import Path
from typing import Any

from tests.dialogs.scenes import scenes

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "golden"


def as_text(dialog: dict[str, Any]) -> str:
    """A dialog as its file has it."""
    return json.dumps(dialog, indent=1, ensure_ascii=False) + "\n"


def read(node_id: str) -> dict[str, Any]:
    """The dialog of a node: its data, their schema, and the controls."""
    dialog: dict[str, Any] = json.loads((FOLDER / f"{node_id}.json").read_text("utf-8"))
    return dialog


def main() -> None:
    """Write all files."""
    from tests.backends import ON_KNIME, open_session, prepare

    assert ON_KNIME, "Set MICROSEG_BACKEND=knime: only KNIME's backend makes dialogs."
    prepare()
    FOLDER.mkdir(exist_ok=True)
    for node_id, scene in scenes(open_session(ROOT)).items():
        dialog = scene.node.dialog(*scene.specs)  # type: ignore[attr-defined]
        (FOLDER / f"{node_id}.json").write_text(as_text(dialog), "utf-8")


if __name__ == "__main__":
    main()
