"""Tables as data frames of pandas, and back."""

from typing import Any

import pandas as pd
import pyarrow as pa

from knime.extension.arrow_types import CellType, encoded
from knime.extension.types import LOGICAL_TYPES


def to_frame(data: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """A data frame with the first column, the row IDs, as index; pictures and byte vectors are objects."""
    cells = [i for i, field in enumerate(data.schema) if isinstance(field.type, CellType)]
    names = data.schema.names
    table = data if isinstance(data, pa.Table) else pa.Table.from_batches([data])
    for i in cells:
        table = table.set_column(i, names[i], pa.nulls(len(data)))
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.string(): pd.StringDtype()}.get)
    for i in cells:
        values: Any = pd.Series(data.column(i).to_pylist(), frame.index, object)
        frame.isetitem(i, values)
    return frame.set_index(names[0])


def from_frame(frame: pd.DataFrame, row_ids: str) -> tuple[pa.Table, pa.Array | None]:
    """The columns of a data frame and its row IDs; these are None where they are to be generated.

    Raises
    ------
    ValueError : it is no data frame, or `row_ids` is none of "auto", "keep" and "generate".
    """
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"Table.from_pandas expects a pandas.DataFrame, but got {type(frame)}")
    if row_ids not in ("auto", "keep", "generate"):
        raise ValueError('row_ids must be one of ["auto", "keep", "generate"]')
    plain = frame.reset_index(drop=True).set_axis([str(name) for name in frame.columns], axis=1)
    cells = {i: kind for i in range(plain.shape[1]) if (kind := _kind(plain.iloc[:, i])) is not None}
    names = list(plain.columns)
    arrays = [
        encoded(cells[i], [None if _is_missing(value) else value for value in plain.iloc[:, i]])
        if i in cells
        else pa.Array.from_pandas(plain.iloc[:, i])
        for i in range(len(names))
    ]
    table = pa.Table.from_arrays([a if isinstance(a, pa.Array) else a.combine_chunks() for a in arrays], names=names)
    if row_ids == "generate" or (row_ids == "auto" and frame.shape == (0, 0)):
        return table, None
    prefix = "Row" if row_ids == "auto" and frame.index.dtype.kind in "iu" else ""
    return table, pa.array([f"{prefix}{value}" for value in frame.index], pa.string())


def _kind(column: "pd.Series[Any]") -> Any:
    """The logical type of a column of objects, as the first that is not missing tells it."""
    first = next((value for value in column if not _is_missing(value)), None) if column.dtype == object else None
    names = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(first).__mro__]
    return next((kind for kind in LOGICAL_TYPES if kind.value_type in names), None)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
