"""Types, columns and schemas behave on every backend as tested here."""

from typing import Any

import pytest
from tests.backends import Session


@pytest.fixture
def knext(session: Session) -> Any:
    import knime.extension

    return knime.extension


@pytest.fixture
def schema(knext: Any) -> Any:
    return knext.Schema.from_columns(
        [knext.Column(knext.int32(), "a"), knext.Column(knext.string(), "b"), knext.Column(knext.double(), "c")]
    )


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda s, new: s[["a", "c"]], ["a", "c"]),
        (lambda s, new: s[["c", "a"]], ["c", "a"]),
        (lambda s, new: s[1:], ["b", "c"]),
        (lambda s, new: s[1:]["c"], "c"),
        (lambda s, new: s["b"], "b"),
        (lambda s, new: s[0], "a"),
        (lambda s, new: s[-1], "c"),
        (lambda s, new: s.append(new), ["a", "b", "c", "new"]),
        (lambda s, new: s.append([new]), ["a", "b", "c", "new"]),
        (lambda s, new: s.append(s), ["a", "b", "c", "a", "b", "c"]),
        (lambda s, new: s.append(s[["a"]]), ["a", "b", "c", "a"]),
        (lambda s, new: s.append(new).append(new), ["a", "b", "c", "new", "new"]),
        (lambda s, new: s.insert(new, 0), ["new", "a", "b", "c"]),
        (lambda s, new: s.insert(new, 9), ["a", "b", "c", "new"]),
        (lambda s, new: s.remove("a"), ["b", "c"]),
        (lambda s, new: s.remove(0), ["b", "c"]),
        (lambda s, new: s.remove(["a", "b"]), ["c"]),
        (lambda s, new: s.append(new).remove("a"), ["b", "c", "new"]),
    ],
)
def test_operations(knext: Any, schema: Any, change: Any, names: Any) -> None:
    made = change(schema, knext.Column(knext.int64(), "new")).get()
    assert (made.name if isinstance(names, str) else made.column_names) == names
    assert schema.column_names == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda s: s[5], IndexError),
        (lambda s: s["z"].get(), IndexError),
        (lambda s: s["z"].name, IndexError),
        (lambda s: s.remove("z"), ValueError),
        (lambda s: s.remove(["a", "z"]), ValueError),
        (lambda s: s.remove(9), IndexError),
        (lambda s: s.remove(slice(0, 2)).get(), TypeError),
        (lambda s: s.append("x").get(), TypeError),
        (lambda s: s["a"].append(s["b"]).get(), AttributeError),
        (lambda s: len(s), TypeError),
        (lambda s: hash(s), TypeError),
        (lambda s: s.get, AttributeError),
        (lambda s: s.names, AttributeError),
    ],
)
def test_errors(schema: Any, change: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        change(schema)


def test_errors_of_views_come_when_they_are_used(schema: Any) -> None:
    assert schema["z"] is not None
    assert schema[["a", "z"]] is not None
    assert schema.append("x") is not None
    with pytest.raises(ValueError):
        schema.remove("z")


def test_views_answer_like_what_they_stand_for(knext: Any, schema: Any) -> None:
    assert (schema["a"].name, schema["a"].ktype) == ("a", knext.int32())
    assert schema["a"] == knext.Column(knext.int32(), "a")
    view = schema[["a", "c"]]
    assert (view.column_names, view.num_columns, [c.name for c in view]) == (["a", "c"], 2, ["a", "c"])


def test_membership(knext: Any, schema: Any) -> None:
    assert "a" in schema
    assert "z" not in schema
    assert knext.Column(knext.int32(), "a") in schema
    assert knext.Column(knext.int64(), "a") in schema
    assert knext.Column(knext.int32(), "z") not in schema


def test_equality(knext: Any, schema: Any) -> None:
    same = knext.Schema([knext.int32(), knext.string(), knext.double()], ["a", "b", "c"])
    assert schema == same
    assert schema == knext.Schema.from_types([knext.int32(), knext.string(), knext.double()], ["a", "b", "c"])
    assert schema == schema[["a", "b", "c"]].get()
    assert schema != schema[["a", "c", "b"]].get()
    assert schema != knext.Schema([knext.int64(), knext.string(), knext.double()], ["a", "b", "c"])
    assert knext.Column(knext.int32(), "a") != knext.Column(knext.int32(), "a", {})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda k: k.Column(k.int32(), 3), TypeError),
        (lambda k: k.Column(k.int32(), ""), ValueError),
        (lambda k: k.Column("text", "a"), TypeError),
        (lambda k: k.Column(int, "a"), TypeError),
        (lambda k: k.Schema([k.int32()], ["a", "b"]), ValueError),
        (lambda k: k.Schema([int], ["a"]), TypeError),
        (lambda k: k.Schema.from_columns([3]), TypeError),
        (lambda k: k.logical(int), TypeError),
        (lambda k: k.logical("text"), TypeError),
        (lambda k: k.list_(3), TypeError),
        (lambda k: k.list_(int), TypeError),
        (lambda k: k.Version.parse_version("1.2"), ValueError),
        (lambda k: k.Version.parse_version("1.2.x"), ValueError),
        (lambda k: k.IntParameter("a", "b", 1, since_version="1.2"), ValueError),
    ],
)
def test_what_cannot_be_made(knext: Any, make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make(knext)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda k: k.int32(), "Number (Integer)"),
        (lambda k: k.int64(), "Number (Long Integer)"),
        (lambda k: k.double(), "Number (Float)"),
        (lambda k: k.bool_(), "Boolean"),
        (lambda k: k.string(), "String"),
        (lambda k: k.list_(k.int32()), "List (Collection of: Number (Integer))"),
    ],
)
def test_types(knext: Any, make: Any, text: str) -> None:
    assert str(make(knext)) == text
    assert make(knext) == make(knext)
    assert hash(make(knext)) == hash(make(knext))
    assert make(knext) != knext.null()
    assert isinstance(make(knext), knext.KnimeType)


def test_types_of_special_cells(knext: Any) -> None:
    import PIL.Image
    import pyarrow as pa
    from knime.types.builtin import DenseByteVectorValue

    picture, cell = knext.logical(PIL.Image.Image), knext.logical(DenseByteVectorValue)
    assert (str(picture), str(cell)) == ("PNG Image", "Byte vector")
    assert picture == knext.logical(PIL.Image.Image) == knext.Column(PIL.Image.Image, "p").ktype
    assert hash(picture) == hash(knext.logical(PIL.Image.Image))
    assert picture != cell
    assert cell.to_pyarrow().storage_type == pa.large_binary()
    assert [(f.name, f.type) for f in picture.to_pyarrow().storage_type] == [
        ("0", pa.string()),
        ("1", pa.large_binary()),
    ]
    assert issubclass(DenseByteVectorValue, bytes)


def test_versions(knext: Any) -> None:
    assert knext.Version.parse_version("1.2.3") == knext.Version(1, 2, 3)
    assert knext.Version(1, 2, 3) < knext.Version(1, 10, 0)
    assert str(knext.Version(1, 2, 3)) == "1.2.3"
