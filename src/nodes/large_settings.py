"""Settings that the nodes for large images share; names of parameters and constants are for ever."""

from typing import TYPE_CHECKING

import knime.extension as knext

if TYPE_CHECKING:
    from core.blockwise.schedule import ClusterConfig


class Pages(knext.EnumParameterOptions):
    """What the pages of a TIFF are that does not say it."""

    C = ("Channels", "Pages are channels.")
    Z = ("Slices", "Pages are slices of a Z-stack, which is refused.")


def pages_parameter() -> knext.EnumParameter:
    """What pages of a large TIFF are."""
    return knext.EnumParameter(
        "Pages of plain TIFF files",
        "What the pages of a TIFF are that does not say it itself.",
        Pages.C.name,
        Pages,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )


class Damaged(knext.EnumParameterOptions):
    """What to do with parts of a file that cannot be read."""

    FAIL = ("Fail", "Stop and name the place.")
    ZERO = ("Leave out", "Take these parts as black, with a warning that names them; all else is done.")


def damaged_parameter() -> knext.EnumParameter:
    """What is done with damaged parts."""
    return knext.EnumParameter(
        "Damaged parts",
        "What to do with parts of the file that cannot be read.",
        Damaged.FAIL.name,
        Damaged,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )


class Where(knext.EnumParameterOptions):
    """Who does the work."""

    THREADS = ("This process", "Nothing is started; right for one computer.")
    PROCESSES = ("Processes on this computer", "Several workers are started, and stopped in the end.")
    CLUSTER = ("Dask cluster", "Workers of a scheduler that is running already, on other computers, too.")


@knext.parameter_group("Sharing the work", is_advanced=True)
class ClusterSettings:
    """Who does the work. The result does not depend on it."""

    where = knext.EnumParameter(
        "Computed by",
        "The workers of a cluster must have this extension installed, and reach images and output folder under the "
        "same paths.",
        Where.THREADS.name,
        Where,
    )
    workers = knext.IntParameter(
        "Number of processes", "1 to 256, each with one thread.", 2, min_value=1, max_value=256
    ).rule(knext.OneOf(where, [Where.PROCESSES.name]), knext.Effect.SHOW)
    address = knext.StringParameter(
        "Address of the scheduler", "For instance `tcp://server:8786`, as `dask scheduler` prints it.", ""
    ).rule(knext.OneOf(where, [Where.CLUSTER.name]), knext.Effect.SHOW)
    fall_back = knext.BoolParameter(
        "Without cluster use this process",
        "Where the cluster does not answer within 30 seconds the work is done here, with a warning; otherwise the node "
        "fails.",
        False,
    ).rule(knext.OneOf(where, [Where.CLUSTER.name]), knext.Effect.SHOW)

    def check(self) -> None:
        """Raise an InvalidParametersError if the address is missing."""
        if self.where == Where.CLUSTER.name and not self.address.strip():
            raise knext.InvalidParametersError("The address of the Dask scheduler is missing. Enter it.")

    def config(self) -> "ClusterConfig":
        """These settings for the library."""
        from core.blockwise.schedule import ClusterConfig

        return ClusterConfig(
            workers=self.workers if self.where == Where.PROCESSES.name else 0,
            address=self.address.strip() if self.where == Where.CLUSTER.name else "",
            fall_back=self.fall_back,
        )
