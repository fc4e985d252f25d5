"""What the settings.xml of nodes and components have in common, every key in KNIME's order."""

import dataclasses
from collections.abc import Iterable

from headless.settings_xml import Config

OLDEST_KNIME = "5.5.0"
OBJECT_CLASSES = {
    "table": "org.knime.core.node.BufferedDataTable",
    "port": "org.knime.python3.nodes.ports.PythonBinaryBlobFileStorePortObject",
    "image": "org.knime.core.node.port.image.ImagePortObject",
}
"""What a port of each kind carries."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A bundle, or a feature, that brings nodes."""

    name: str
    symbolic_name: str
    vendor: str
    version: str


def head(model: Config, variables: Config, label: str, state: str) -> Config:
    """How the settings of every node and component begin; `variables` assigns flow variables to the model."""
    config: Config = {
        "node_file": "settings.xml",
        "flow_stack": {},
        "internal_node_subsettings": {"memory_policy": "CacheSmallInMemory"},
        "model": model,
        "variables": variables,
    }
    return config | label_below(label) | {"customDescription": None, "state": state}


def identity(factory: str, name: str, bundle: Source, feature: Source) -> Config:
    """Who a node is, and what must be installed for it."""
    config: Config = {"factory": factory, "node-name": name}
    for part, source in (("bundle", bundle), ("feature", feature)):
        config[f"node-{part}-name"] = source.name
        config[f"node-{part}-symbolic-name"] = source.symbolic_name
        config[f"node-{part}-vendor"] = source.vendor
        config[f"node-{part}-version"] = source.version
    return config


def without_results(name: str, outputs: int) -> Config:
    """How the settings of a node end that is not executed."""
    return {
        "name": name,
        "hasContent": False,
        "isInactive": False,
        "ports": {f"port_{i}": {"index": i, "port_dir_location": None} for i in range(1, outputs + 1)},
        "filestores": {"file_store_location": None, "file_store_id": None},
    }


def port_types(prefix: str, kinds: Iterable[str]) -> Config:
    """Data ports, counted from 0, with what they carry."""
    return {
        f"{prefix}_{i}": {"index": i, "type": {"object_class": OBJECT_CLASSES[kind]}} for i, kind in enumerate(kinds)
    }


def label_below(label: str) -> Config:
    """The text below a node; none for an empty one."""
    if not label:
        return {}
    return {"nodeAnnotation": annotation(label, "text/plain", (0, 0, 0, 0), "CENTER", 0, 0, 0xFFFFFF)}


def annotation(
    text: str,
    content_type: str,
    box: tuple[int, int, int, int],
    alignment: str,
    border: int,
    color: int,
    background: int,
) -> Config:
    """A label or note; `box` is x, y, width and height in px, colours are 0xRRGGBB."""
    x, y, width, height = box
    return {
        "text": text,
        "contentType": content_type,
        "bgcolor": background,
        "x-coordinate": x,
        "y-coordinate": y,
        "width": width,
        "height": height,
        "alignment": alignment,
        "borderSize": border,
        "borderColor": color,
        "defFontSize": -1,
        "annotation-version": 20230412,
        "styles": {},
    }
