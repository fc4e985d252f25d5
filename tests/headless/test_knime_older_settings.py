"""Settings of KNIME's own nodes as older versions store them, and as newer ones keep them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.headless.knime_nodes import names, node, numbered, result, with_ids
from tests.headless.test_knime_filters import ROW_FILTER, criteria, criterion
from tests.headless.test_knime_tables import JOINER, joiner

from core.errors import UserInputError
from headless.settings_xml import array

LEFT = with_ids(["a", "b"], key=pa.array(["x", "y"]), n=pa.array([1, 2]))
RIGHT = with_ids(["y", "z"], key=pa.array(["x", "y"]), m=pa.array([3, 4]))


def older_criterion(column: str, operator: str, value: Any = None) -> dict[str, Any]:
    """A criterion as KNIME 5.3 and 5.4 store it."""
    stored = criterion(column, operator, value)
    del stored["columnV2"]
    return {**stored, "column": {"selected": column, "compatibleTypes": array([])}}


def older_joiner(left: str, right: str, **more: Any) -> dict[str, Any]:
    """A joiner of one criterion as KNIME 5.3 and 5.4 store it; the columns n and m are put out."""
    stored = joiner(**more)
    del stored["leftColumnSelectionConfigV2"], stored["rightColumnSelectionConfigV2"]
    return {
        **stored,
        "matchingCriteria": numbered({"leftTableColumn": left, "rightTableColumn": right}),
        "leftColumnSelectionConfig": names("n"),
        "rightColumnSelectionConfig": names("m"),
    }


def oldest_joiner(left: tuple[str, ...] = ("key",), right: tuple[str, ...] = ("$RowID$",)) -> dict[str, Any]:
    """A joiner as KNIME before 5.3 stores it."""
    stored = older_joiner("", "")
    del stored["matchingCriteria"]
    return {**stored, "leftTableJoinPredicate": array(left), "rightTableJoinPredicate": array(right)}


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (older_criterion("key", "EQ", "x"), ["a"]),
        (older_criterion("<row-keys>", "EQ", "b"), ["b"]),
        (older_criterion("<row-numbers>", "GT", 1), ["b"]),
    ],
)
def test_criteria_of_older_versions_are_read(tmp_path: Path, wanted: dict[str, Any], rows: list[str]) -> None:
    assert result(node(ROW_FILTER, criteria(wanted)), tmp_path, LEFT)["<RowID>"] == rows


@pytest.mark.parametrize(
    ("stored", "ids"),
    [
        (older_joiner("key", "key"), ["a_y", "b_z"]),
        (older_joiner("key", "<row-keys>"), ["b_y"]),
        (oldest_joiner(), ["b_y"]),
        (oldest_joiner(("key", "$RowID$"), ("$RowID$", "key")), []),
    ],
)
def test_joiners_of_older_versions_are_read(tmp_path: Path, stored: dict[str, Any], ids: list[str]) -> None:
    got = result(node(JOINER, stored), tmp_path, LEFT, RIGHT)
    assert list(got) == ["<RowID>", "n", "m"]
    assert got["<RowID>"] == ids


def test_half_a_criterion_of_an_older_joiner_is_refused() -> None:
    with pytest.raises(UserInputError, match="column on one side only"):
        node(JOINER, oldest_joiner(right=("key", "m")))
    with pytest.raises(UserInputError, match="column to join by is missing"):
        node(JOINER, older_joiner("key", ""))


def test_criteria_that_newer_versions_keep_in_an_older_form_are_refused() -> None:
    kept = criterion("key", "EQ")
    del kept["predicateValues"]
    kept["filterValueParameters"] = {"@class": "x.LegacyFilterParameters", "legacySettings": '{"operator": "EQ"}'}
    with pytest.raises(UserInputError, match="Open the node's dialog in KNIME once and save"):
        node(ROW_FILTER, criteria(kept))
