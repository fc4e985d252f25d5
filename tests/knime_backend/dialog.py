"""Checks on dialogs, settings and descriptions, as KNIME's Java side would make them."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SHOWN = {"a", "b", "br", "h3", "h4", "hr", "i", "li", "ol", "p", "pre", "table", "td", "tr", "tt", "u", "ul"}
"""Elements that the description panel of a node shows."""

_MARKDOWN = re.compile(r"\*\*|`|\]\(|(?<!\S)[*_]\w|\w[*_](?!\S)|^\s*(?:[-*+]|\d+\.|#+|>|\|) ", re.MULTILINE)
"""What only stands in a text if Markdown was not understood."""

_NO_DOCSTRING = "Missing description."
"""What KNIME puts in its place."""

_KNIME_CATEGORIES = {"/", "/community", "/labs", "/io", "/views", "/analytics"}


def dialog_problems(dialog: dict[str, Any]) -> list[str]:
    """Where data, schema and controls of a dialog do not go together."""
    schema = dialog["schema"]
    found = [
        f"control {label!r}: {scope} is not in the schema"
        for label, scope in _scopes(dialog["ui_schema"])
        if _resolve(schema, scope) is None
    ]
    return found + list(_data_problems(dialog["data"], schema, ""))


def saved_and_loaded(value: Any, schema: Mapping[str, Any], path: str) -> Any:
    """Settings after a trip through KNIME's settings files, which follow the schema.

    Raises
    ------
    ValueError : a value that cannot be stored.
    """
    kind = "string" if "oneOf" in schema else schema["type"]
    if kind == "object":
        inner, given = schema.get("properties", {}), value or {}
        return {key: saved_and_loaded(given.get(key), rest, f"{path}/{key}") for key, rest in inner.items()}
    if kind == "array":
        return value and [saved_and_loaded(v, schema["items"], f"{path}[{i}]") for i, v in enumerate(value)]
    if kind == "string":
        return value if isinstance(value, str) else None
    if value is None:
        raise ValueError(f"{path}: nothing where {kind} was expected")
    if kind == "integer":
        return ((int(value) + 2**31) % 2**32) - 2**31
    return float(value) if kind == "number" else value is True


def description_problems(node: Mapping[str, Any], categories: list[dict[str, Any]], folder: Path) -> list[str]:
    """What in the description of a node would keep KNIME from loading the extension, or look wrong."""
    parts = [("short description", node["short_description"]), ("description", node["full_description"])]
    parts += [(f"port {p['name']!r}", p["description"]) for p in _ports(node)]
    parts += [(f"option {o['name']!r}", o["description"]) for o in node["options"]]
    for tab in node["tabs"]:
        parts.append((f"tab {tab['name']!r}", tab["description"]))
        parts += [(f"option {tab['name']}/{o['name']}", o["description"]) for o in tab["options"]]
    parts += [(f"view {v['name']!r}", v["description"]) for v in node["views"]]
    found = [f"{where}: {problem}" for where, text in parts for problem in _text_problems(text)]
    if node["short_description"] in ("", _NO_DOCSTRING):
        found.append("the node has no docstring")
    if not node["icon_path"] or not (folder / node["icon_path"]).is_file():
        found.append(f"the icon {node['icon_path']!r} is not below the folder of knime.yml")
    known = {c["path"].rstrip("/") + "/" + c["level_id"] for c in categories} | _KNIME_CATEGORIES
    if node["category"] not in known:
        found.append(f"the category {node['category']!r} is not registered")
    if node["node_type"] == "Unknown":
        found.append("the node has no NodeType")
    return found


def _ports(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*node["input_port_specifier"], *node["output_port_specifier"]]


def _text_problems(text: str) -> Iterator[str]:
    try:
        root = ET.fromstring(f"<fragment>{text}</fragment>")
    except ET.ParseError:
        yield "no well-formed XML"
        return
    unknown = sorted({element.tag for element in root.iter()} - _SHOWN - {"fragment"})
    if unknown:
        yield f"elements that KNIME does not show: {', '.join(unknown)}"
    for block in _blocks(root):
        left = _MARKDOWN.search(block)
        if left:
            yield f"Markdown that was not understood: {block[max(0, left.start() - 20) : left.end() + 20]!r}"


def _blocks(element: ET.Element) -> Iterator[str]:
    """The texts of paragraphs and list items, without what is code."""
    yield element.text or ""
    for inner in element:
        if inner.tag not in ("tt", "pre"):
            yield from _blocks(inner)
        yield inner.tail or ""


def _scopes(element: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    label = str(element.get("label"))
    if "scope" in element:
        yield label, element["scope"]
    conditions = [element["rule"]["condition"]] if "rule" in element else []
    while conditions:
        condition = conditions.pop()
        conditions += condition.get("conditions", [])
        if "scope" in condition:
            yield f"rule of {label}", condition["scope"]
    for inner in element.get("elements", []):
        yield from _scopes(inner)


def _resolve(schema: Any, scope: str) -> Any:
    for part in scope.lstrip("#/").split("/"):
        if part:
            schema = schema.get(part) if isinstance(schema, dict) else None
    return schema


def _data_problems(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    kind = schema.get("type")
    if kind == "object" and not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
    elif kind == "object":
        for key, inner in value.items():
            if key in schema["properties"]:
                yield from _data_problems(inner, schema["properties"][key], f"{path}/{key}")
            else:
                yield f"{path}/{key}: not in the schema"
    if kind == "object":
        return
    fits = {
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31,
        "number": lambda: isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": lambda: isinstance(value, bool),
        "string": lambda: value is None or isinstance(value, str),
        "array": lambda: isinstance(value, list),
    }
    if kind in fits and not fits[kind]():
        yield f"{path}: {value!r} is no {kind}"
    if "oneOf" in schema and value not in [*(option["const"] for option in schema["oneOf"]), ""]:
        yield f"{path}: {value!r} is none of the options"
