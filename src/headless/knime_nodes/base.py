"""What KNIME's own nodes have in common here."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, Execution, Output, Port, TableOutput
from headless.runnable import Ran, Runnable
from headless.workflow import NodeEntry

S = TypeVar("S")


class KnimeNode(Runnable, Generic[S]):
    """A node of KNIME's own that works on tables.

    `factory` is its class in KNIME, `input_names` and `output_names` are the names that its tables have there.
    """

    factory: ClassVar[str]
    input_names: ClassVar[Sequence[str]] = ("Input table",)
    output_names: ClassVar[Sequence[str]] = ("Output table",)

    def __init__(self, entry: NodeEntry) -> None:
        super().__init__(entry, tables(self.input_names), tables(self.output_names))

    @abstractmethod
    def read(self, parameters: Mapping[str, Any]) -> S:
        """The stored settings as a dataclass.

        Raises
        ------
        UserInputError : one is missing, or asks for what only KNIME can do.
        """

    @abstractmethod
    def execute(self, settings: S, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput | None]:
        """The output tables; those of `inputs` have the row ID first.

        Raises
        ------
        UserInputError : a table that does not fit the settings.
        """

    def check(self, parameters: Mapping[str, Any]) -> None:
        """See whether the settings ask for nothing but what is done here."""
        self.read(parameters)

    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Execute the node."""
        data = [value.to_pyarrow() for value in inputs if isinstance(value, TableOutput)]
        return Ran(Execution(tuple(self.execute(self.read(parameters), data, context)), None), parameters)


def tables(names: Sequence[str]) -> list[Port]:
    """Ports of tables with these names."""
    return [Port(name, "", "table") for name in names]


def require_columns(table: pa.Table, names: Sequence[str]) -> None:
    """See that the table has the columns.

    Raises
    ------
    UserInputError : it has not; says which ones there are.
    """
    for name in names:
        if name not in table.column_names[1:]:
            raise UserInputError(
                f"The input table has no column {name!r}.", todo=f"Columns are: {', '.join(table.column_names[1:])}."
            )
