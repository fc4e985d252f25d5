"""Settings files round trip byte for byte against files that KNIME 5.8 wrote, and values against any text."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape as unescape_xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserInputError
from headless.model_settings import from_model, merged, to_model
from headless.settings_xml import Config, Typed, array, as_list, document, escape, java_double, parse, unescape

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(p for p in GOLDEN.rglob("*") if p.name in ("settings.xml", "workflow.knime"))

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda key: not key.endswith("_Internals"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.builds(Typed, st.just("xlong"), st.integers(-(2**63), 2**63 - 1)),
)
configs = st.recursive(
    st.dictionaries(keys, scalars, max_size=4),
    lambda inner: st.dictionaries(keys, inner | scalars, max_size=4),
    max_leaves=12,
)
names = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
settings = st.one_of(
    st.booleans(), st.integers(-100, 100), st.floats(-1e9, 1e9), st.text(), st.lists(st.text(), max_size=3)
)
groups = st.dictionaries(names, settings | st.dictionaries(names, settings, max_size=3), max_size=4)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(GOLDEN)))
def test_what_knime_wrote_comes_back_to_the_byte(path: Path) -> None:
    key, config = parse(path.read_bytes())
    assert document(key, config).encode() == path.read_bytes()


def test_there_are_golden_files() -> None:
    assert len(FILES) > 20


@given(configs)
def test_every_value_survives(config: Any) -> None:
    assert parse(document("k", config).encode()) == ("k", config)


@given(groups, st.from_regex(r"\d\.\d\.\d", fullmatch=True))
def test_parameters_survive(parameters: dict[str, Any], version: str) -> None:
    stored = parse(document("settings.xml", to_model(parameters, version)).encode())[1]
    assert from_model(stored) == (parameters, version)


@given(st.text())
def test_escaped_text_holds_nothing_xml_would_change(text: str) -> None:
    assert all(32 <= ord(c) <= 0xD7FF for c in escape(text))
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("plain", "stored"),
    [
        ("line1\nline2", "line1%%00010line2"),
        ("tab\t", "tab%%00009"),
        ("😀", "%%55357%%56832"),
        ("100 %", "100 %"),
        ("%%", "%%00037%"),
        ("%%%", "%%00037%%00037%"),
        ("%\n", "%%%00010"),
        ("µm²", "µm²"),
        ("\ue000", "%%57344"),
        ("", ""),
    ],
)
def test_knime_escapes(plain: str, stored: str) -> None:
    assert escape(plain) == stored
    assert unescape(stored) == plain


def test_xml_escapes() -> None:
    text = document("k", {'a"<&>': "\"<b>&amp;'"})
    assert '<entry key="a&quot;&lt;&amp;&gt;" type="xstring" value="&quot;&lt;b&gt;&amp;amp;\'"/>' in text
    assert unescape_xml("&lt;b&gt;") == "<b>"


@pytest.mark.parametrize(
    ("value", "java"),
    [
        (0.0001, "1.0E-4"),
        (0.001, "0.001"),
        (0.05, "0.05"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (123456789.5, "1.234567895E8"),
        (1.5e-300, "1.5E-300"),
        (100.0, "100.0"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_print_as_java_prints_them(value: float, java: str) -> None:
    assert java_double(value) == java


def test_null_is_a_string_that_is_not_set() -> None:
    assert '<entry key="column" type="xstring" isnull="true" value=""/>' in document("k", {"column": None})


def test_arrays() -> None:
    assert array(["a", "b"]) == {"array-size": 2, "0": "a", "1": "b"}
    assert as_list(array([1, 2, 3]), "numbers") == [1, 2, 3]
    assert as_list({"0": {}, "1": "b"}, "groups") == [{}, "b"]
    damaged: list[Config] = [{"array-size": 2, "0": "a"}, {"array-size": "two"}, {"1": {}}]
    for config in damaged:
        with pytest.raises(UserInputError, match="list 'names' is damaged"):
            as_list(config, "names")
    assert to_model({"names": []}, "1.0.0")["names"] == {
        "json-type_Internals": "STRING_ARRAY",
        "array-size": 0,
        "null_Internals": False,
    }


def test_arrays_of_groups() -> None:
    parameters = {"items": [{"a": 1}, {"a": 2}]}
    assert from_model(to_model(parameters, "1.0.0"))[0] == parameters


@pytest.mark.parametrize(
    "body",
    [
        '<entry key="a" type="xint" value="abc"/>',
        '<entry key="a" type="xint" value="2147483648"/>',
        '<entry key="a" type="xint" isnull="true" value=""/>',
        '<entry key="a" type="xnumber" value="1"/>',
        '<entry key="a" type="xdouble" value=""/>',
        '<other key="a"/>',
        '<config key="a">',
        '<config key="a">' * 100 + "</config>" * 100,
        '<config key="a">' * 5000 + "</config>" * 5000,
    ],
)
def test_what_knime_refuses_is_refused_with_the_file(body: str) -> None:
    with pytest.raises(UserInputError, match=r"^settings\.xml: "):
        parse(f'<config key="k">{body}</config>'.encode(), "settings.xml")


@pytest.mark.parametrize("encoding", ["gbk", "nope"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(UserInputError, match="No valid XML"):
        parse(f'<?xml version="1.0" encoding="{encoding}"?><config key="k"/>'.encode())


def test_half_a_character_becomes_a_mark() -> None:
    assert unescape("a%%55357b") == "a\ufffdb"


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><config key="k"><entry key="&a;" type="xstring" value=""/></config>'
    with pytest.raises(UserInputError):
        parse(bomb)


def test_a_number_that_does_not_fit_is_not_written() -> None:
    with pytest.raises(UserInputError, match="32 bits"):
        document("k", {"seed": 2**31})


def test_overrides_reach_into_groups() -> None:
    defaults = {"a": 1, "group": {"b": 2, "c": 3}}
    assert merged(defaults, {"group": {"c": 4}}) == {"a": 1, "group": {"b": 2, "c": 4}}
    with pytest.raises(UserInputError, match="Parameters are: b, c"):
        merged(defaults, {"group": {"d": 4}})
    assert defaults == {"a": 1, "group": {"b": 2, "c": 3}}
