"""Cells that share their content with other rows of their batch, made independent of these.

KNIME stores cells that only Java knows, such as images of KNIME Image Processing, by a dictionary: the first row of a
batch that has a value holds it beside its key, the others hold the key alone. A row that leaves its batch takes the
value along. Keys are unique in the whole column, so rows of several batches can be put together.
"""

from typing import Any

import pyarrow as pa

_BY_DICTIONARY = {"knime.struct_dict_encoded", "knime.struct_dict_encoded_logical_type"}
"""KNIME's names for columns stored so: structs of key and value."""


def independent(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch each of whose rows holds all of its values."""
    if not any(map(_has_dictionary, batch.schema.types)):
        return batch
    return pa.RecordBatch.from_arrays([_filled(column) for column in batch.columns], schema=batch.schema)


def _filled(array: Any) -> Any:
    """An array with the values of all keys; the array itself where there is nothing to do."""
    kind = array.type
    if not _has_dictionary(kind):
        return array
    if isinstance(kind, pa.BaseExtensionType):
        storage = _filled(array.storage)
        if kind.extension_name in _BY_DICTIONARY:
            storage = _with_values(storage)
        return pa.ExtensionArray.from_storage(kind, storage)
    if pa.types.is_struct(kind):
        parts = [_filled(array.field(i)) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    bounds = array.buffers()[:2]
    return pa.Array.from_buffers(kind, len(array), bounds, offset=array.offset, children=[_filled(array.values)])


def _has_dictionary(kind: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name in _BY_DICTIONARY or _has_dictionary(kind.storage_type)
    if pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))
    return False


def _with_values(storage: Any) -> Any:
    keys, values = storage.field(0), storage.field(1)
    first: dict[int, int] = {}
    places = [None if key is None else first.setdefault(key, i) for i, key in enumerate(keys.to_pylist())]
    if all(place in (None, i) for i, place in enumerate(places)):
        return storage
    taken = values.take(pa.array(places, pa.int64()))
    return pa.StructArray.from_arrays([keys, taken], fields=list(storage.type), mask=storage.is_null())
