"""Types, columns and schemas behave on every backend as tested here."""

import ast
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.backends import ON_KNIME, Session

STAND_IN = Path(__file__).parents[2] / "src/headless/knime_api/knime/extension"


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
        (lambda k: k.datetime(False, False), ValueError),
        (lambda k: k.datetime(True, False, True), ValueError),
        (lambda k: k.no_such_name, AttributeError),
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
        (lambda k: k.datetime(), "Local Date Time"),
        (lambda k: k.datetime(time=False), "Local Date"),
        (lambda k: k.datetime(date=False), "Local Time"),
        (lambda k: k.logical(dt.date), "Local Date"),
        (lambda k: k.logical(dt.time), "Local Time"),
        (lambda k: k.logical(dt.timedelta), "Duration"),
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


def named(constant: str) -> list[str]:
    """The names in a text of `_absent`, which cannot be imported where KNIME's own package is."""
    lines = ast.parse((STAND_IN / "_absent.py").read_text()).body
    (value,) = [i.value for i in lines if isinstance(i, ast.Assign) and ast.unparse(i.targets[0]) == constant]
    return str(ast.literal_eval(value)).split()


def test_names_that_the_stand_in_lacks(knext: Any) -> None:
    from knime.extension import ExecutionContext

    for holder, constant in ((knext, "_EXTENSION"), (ExecutionContext, "_CONTEXT")):
        assert [name for name in named(constant) if ON_KNIME is not hasattr(holder, name)] == []
    if not ON_KNIME:
        for name in named("_EXTENSION"):
            with pytest.raises(AttributeError, match=f"knime.extension.{name} is there within KNIME only"):
                getattr(knext, name)


def test_the_stand_in_lacks_no_other_names(knext: Any) -> None:
    """All that KNIME's API exports is there, or named as lacking."""
    lines = ast.parse((STAND_IN / "__init__.py").read_text()).body
    assigned = [i for i in lines if isinstance(i, ast.Assign) and ast.unparse(i.targets[0]) == "__all__"]
    known = {*ast.literal_eval(assigned[0].value), *named("_EXTENSION")}
    if ON_KNIME:
        modules = {name for name in vars(knext) if isinstance(getattr(knext, name), type(ast))}
        assert {name for name in vars(knext) if not name.startswith("_")} - modules == known


def test_a_class_shares_the_ports_of_its_base(knext: Any) -> None:
    @knext.input_table("First", "A table.")
    class Base:
        pass

    @knext.input_table("Second", "A table.")
    class Sub(Base):
        pass

    assert vars(Base)["input_ports"] is Sub.input_ports  # type: ignore[attr-defined]
    assert [port.name for port in Sub.input_ports] == ["Second", "First"]  # type: ignore[attr-defined]


def test_the_path_of_a_category(knext: Any) -> None:
    made = knext.category("/community", "more", "More", "Further nodes.", icon="icons/icon.png")
    assert made == "/community/more"
