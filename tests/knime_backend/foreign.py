"""Columns of kinds that only KNIME has: cells of Java, paths, XML, sets, times with a zone."""

import datetime as dt
import importlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from tests.knime_backend.value_factories import CELL

IMAGE = "org.knime.knip.base.data.img.ImgPlusCell"


def foreign_columns(session: Any) -> dict[str, Any]:
    """Four cells each, some of them equal, one missing."""
    builtin = importlib.import_module("knime.types.builtin")
    path, other = (builtin.FSLocationValue("LOCAL", None, text) for text in ("/data/a", "/data/ü"))
    noon = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    values = {
        "Path of KNIME": [path, path, None, other],
        "XML": [ET.ElementTree(ET.fromstring("<a/>"))] * 3 + [None],
        "Set": [builtin.BooleanSetValue(True, False, True)] * 3 + [None],
        "Zoned": [noon, noon, None, noon],
    }
    table = session.make_table(pd.DataFrame(values)).to_pyarrow()
    return {name: table.column(name) for name in values} | {"ImgPlus": java_cells([b"x", b"y", b"x", None])}


def java_cells(contents: Sequence[bytes | None], class_name: str = IMAGE) -> Any:
    """Cells that only Java can read: their bytes and their class, each stored once for all rows that have it."""
    types, encoding, converters = map(
        importlib.import_module, ("knime._arrow._types", "knime._arrow._dictencoding", "knime.api.types")
    )
    classes = [class_name if content is not None else None for content in contents]
    parts = [
        encoding.struct_dict_encode(pa.array(values, kind), encoding.DictKeyGenerator(), key_type=key)
        for values, kind, key in ((contents, pa.large_binary(), pa.uint64()), (classes, pa.string(), pa.uint32()))
    ]
    missing = pa.array([content is None for content in contents])
    storage = pa.StructArray.from_arrays(parts, names=["0", "1"], mask=missing)
    logical = json.dumps({"value_factory_class": CELL, "data_type": {"cell_class": class_name}}, separators=(",", ":"))
    kind = types.LogicalTypeExtensionType(converters.get_converter(logical), storage.type, logical)
    return pa.ExtensionArray.from_storage(kind, storage)
