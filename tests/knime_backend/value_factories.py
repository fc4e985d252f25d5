"""Which kinds of cells KNIME's Java side knows, and how their columns are stored."""

import json
from dataclasses import dataclass
from typing import Any

_VALUE = "org.knime.core.data.v2.value."
_TIME = "org.knime.core.data.v2.time."
_DATA = "org.knime.core.data."
_TOOL = "org.knime.core.node.agentic.tool.WorkflowTool"
CELL = _VALUE + "cell.DictEncodedDataCellValueFactory"
"""Of cells that only Java can read."""

ROW_KEY = _VALUE + "DefaultRowKeyValueFactory"


@dataclass(frozen=True)
class Factory:
    """A kind of cell.

    Parameters
    ----------
    storage : of the column; None: not comparable.
    value_class : Java class of the values, None: no values of a column.
    name : what people read.
    """

    storage: Any
    value_class: str | None
    name: str


def _struct(*inner: str) -> dict[str, Any]:
    return {"type": "struct", "inner_types": list(inner)}


def _list(inner: str) -> dict[str, Any]:
    return {"type": "list", "inner_type": inner}


_BYTES = "variable_width_binary"
FACTORIES = {
    ROW_KEY: Factory("string", None, "RowID"),
    _VALUE + "IntValueFactory": Factory("int", _DATA + "IntValue", "Number (Integer)"),
    _VALUE + "LongValueFactory": Factory("long", _DATA + "LongValue", "Number (Long Integer)"),
    _VALUE + "DoubleValueFactory": Factory("double", _DATA + "DoubleValue", "Number (Float)"),
    _VALUE + "StringValueFactory": Factory("string", _DATA + "StringValue", "String"),
    _VALUE + "BooleanValueFactory": Factory("boolean", _DATA + "BooleanValue", "Boolean"),
    _VALUE + "VoidValueFactory": Factory(None, _DATA + "DataValue", "?"),
    _VALUE + "DenseByteVectorValueFactory": Factory(_BYTES, _DATA + "vector.bytevector.ByteVectorValue", "Byte vector"),
    _VALUE + "DenseBitVectorValueFactory": Factory(_BYTES, _DATA + "vector.bitvector.BitVectorValue", "Bit vector"),
    _VALUE + "BooleanSetValueFactory": Factory(_struct(*["boolean"] * 3), _DATA + "collection.SetDataValue", "Set"),
    _VALUE + "ListValueFactory": Factory(None, _DATA + "collection.ListDataValue", "List"),
    _VALUE + "SetValueFactory": Factory(None, _DATA + "collection.SetDataValue", "Set"),
    _TIME + "LocalTimeValueFactory": Factory("long", _DATA + "time.localtime.LocalTimeValue", "Local Time"),
    _TIME + "LocalDateValueFactory": Factory("long", _DATA + "time.localdate.LocalDateValue", "Local Date"),
    _TIME + "LocalDateTimeValueFactory": Factory(
        _struct("long", "long"), _DATA + "time.localdatetime.LocalDateTimeValue", "Local Date Time"
    ),
    _TIME + "DurationValueFactory": Factory(_struct("long", "int"), _DATA + "time.duration.DurationValue", "Duration"),
    _TIME + "ZonedDateTimeValueFactory2": Factory(
        _struct("long", "long", "int", "string"), _DATA + "time.zoneddatetime.ZonedDateTimeValue", "Zoned Date Time"
    ),
    "org.knime.filehandling.core.data.location.FSLocationValueFactory": Factory(
        _struct("string", "string", "string"), "org.knime.filehandling.core.data.location.FSLocationValue", "Path"
    ),
    _DATA + "xml.XMLValueFactory": Factory(_struct("string", _BYTES), _DATA + "xml.XMLValue", "XML"),
    _DATA + "image.png.PNGImageValueFactory": Factory(
        _struct("string", _BYTES), _DATA + "image.png.PNGImageValue", "PNG Image"
    ),
    CELL: Factory(None, _DATA + "DataValue", "Cell"),
    _TOOL + "ValueFactory": Factory(None, _TOOL + "Value", "Tool"),
}
for _name, _inner in (
    ("Int", "int"),
    ("Long", "long"),
    ("Double", "double"),
    ("String", "string"),
    ("Boolean", "boolean"),
):
    FACTORIES[f"{_VALUE}{_name}ListValueFactory"] = Factory(_list(_inner), _DATA + "collection.ListDataValue", "List")
    if _name != "Boolean":  # of which the set is stored in another way
        FACTORIES[f"{_VALUE}{_name}SetValueFactory"] = Factory(_list(_inner), _DATA + "collection.SetDataValue", "Set")


def factory_of(logical_type: str) -> str:
    """The class name in a logical type."""
    return str(json.loads(logical_type)["value_factory_class"])


def column_metadata(traits: dict[str, Any]) -> dict[str, Any]:
    """What KNIME adds to a column when it hands a schema to Python.

    Raises
    ------
    ValueError, KeyError : Java has no cells of that kind.
    """
    logical = traits.get("traits", {}).get("logical_type")
    if logical is None:
        raise ValueError("a column without logical type; Java has no cells for plain bytes and structs")
    factory = FACTORIES[factory_of(logical)]
    return {"preferred_value_type": factory.value_class, "displayed_column_type": factory.name}


def traits_of(storage: Any, factory: str | None = None) -> dict[str, Any]:
    """The traits of a kind of cell, as Java sends them to Python."""
    logical = json.dumps({"value_factory_class": factory}, separators=(",", ":"))
    traits = {"logical_type": logical} if factory else {}
    if isinstance(storage, dict) and storage["type"] == "struct":
        return {"type": "struct", "traits": traits, "inner": [traits_of(inner) for inner in storage["inner_types"]]}
    if isinstance(storage, dict):
        return {"type": "list", "traits": traits, "inner": traits_of(storage["inner_type"])}
    return {"type": "simple", "traits": traits}
