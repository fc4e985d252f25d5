"""What is in a dialog: the settings of KNIME's description of it, and the rules of the stand-in's parameters."""

from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
"""Names of a setting's groups and of itself."""

Control = tuple[Path, dict[str, Any], dict[str, Any], bool]
"""Path, control, schema of a setting, and whether it is advanced, alone or with its section."""


def controls(dialog: dict[str, Any]) -> Iterator[Control]:
    """All settings from top to bottom."""

    def walk(element: dict[str, Any], advanced: bool) -> Iterator[Control]:
        advanced = advanced or bool(element.get("options", {}).get("isAdvanced"))
        if "scope" in element:
            path = path_of(element["scope"])
            schema = dialog["schema"]
            for name in ("model", *path):
                schema = schema["properties"][name]
            yield path, element, schema, advanced
        for inner in element.get("elements", []):
            yield from walk(inner, advanced)

    return walk(dialog["ui_schema"], False)


def path_of(scope: str) -> Path:
    """The path of the setting that a scope leads to."""
    return tuple(part for part in scope.split("/") if part not in ("#", "properties"))[1:]


def rules_of(holder: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Condition and effect of every rule, by the path of its setting; of a node in the stand-in."""
    from knime.extension._groups import Group
    from knime.extension._settings import items

    for name, item in items(holder):
        if isinstance(item, Group):
            yield from rules_of(getattr(holder, name), (*path, name))
        elif item.dialog_rule:
            yield (*path, name), item.dialog_rule
