"""Rows leave their batch with their values, however KNIME stored them."""

from typing import Any

import pyarrow as pa
import pytest

from nodes.dictionaries import independent


class ByDictionary(pa.ExtensionType):  # type: ignore[misc]
    """A type as KNIME's, which is there only in KNIME."""

    def __init__(self, value: pa.DataType) -> None:
        self._value = value
        super().__init__(pa.struct([("0", pa.uint32()), ("1", value)]), "knime.struct_dict_encoded")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> "ByDictionary":
        return cls(storage_type[1].type)


def shared(*entries: tuple[int, str | None] | None) -> Any:
    """Cells of keys and values."""
    storage = [entry and {"0": entry[0], "1": entry[1]} for entry in entries]
    kind = ByDictionary(pa.string())
    return pa.ExtensionArray.from_storage(kind, pa.array(storage, kind.storage_type))


CELLS = shared((7, "a"), None, (7, None), (9, "b"), (9, None), (7, None))
TEXTS = ["a", None, "a", "b", "b", "a"]


def batch(**columns: Any) -> Any:
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def texts(cells: Any) -> list[str | None]:
    return [cell and cell["1"] for cell in cells.storage.to_pylist()]


def keys(cells: Any) -> list[int | None]:
    return [cell and cell["0"] for cell in cells.storage.to_pylist()]


def test_every_row_holds_its_value() -> None:
    made = independent(batch(cells=CELLS, other=pa.array(range(6))))
    assert texts(made.column("cells")) == TEXTS
    assert keys(made.column("cells")) == [7, None, 7, 9, 9, 7]
    assert made.schema == batch(cells=CELLS, other=pa.array(range(6))).schema
    assert [texts(made.slice(i, 1).column("cells")) for i in range(6)] == [[text] for text in TEXTS]


def test_within_structs() -> None:
    mask = pa.array([False, False, False, True, False, False])
    both = pa.StructArray.from_arrays([CELLS, pa.array(range(6))], names=["cell", "number"], mask=mask)
    made = independent(batch(both=both)).column("both")
    assert made.is_null().to_pylist() == mask.to_pylist()
    assert texts(made.field(0)) == TEXTS
    assert made.field(1).to_pylist() == list(range(6))


@pytest.mark.parametrize("kind", [pa.ListArray, pa.LargeListArray])
def test_within_lists(kind: Any) -> None:
    offsets = pa.array([0, 1, None, 3, 6], pa.int32() if kind is pa.ListArray else pa.int64())
    lists = kind.from_arrays(offsets, CELLS)
    made = independent(batch(lists=lists)).column("lists")
    assert made.type == lists.type
    rows = [texts(made.slice(i, 1).flatten()) if made.is_valid()[i].as_py() else None for i in range(4)]
    assert rows == [["a"], [None, "a"], None, ["b", "b", "a"]]


def test_other_batches_stay_as_they_are() -> None:
    plain = batch(numbers=pa.array([1, None]), texts=pa.array(["a", "b"]), lists=pa.array([[1], None]))
    assert independent(plain) is plain
    whole = batch(cells=shared((1, "a"), None, (2, "b")))
    assert texts(independent(whole).column("cells")) == ["a", None, "b"]


def test_parts_of_a_batch() -> None:
    """A slice that holds the first cells of its keys."""
    assert texts(independent(batch(cells=CELLS.slice(3, 2))).column("cells")) == ["b", "b"]
