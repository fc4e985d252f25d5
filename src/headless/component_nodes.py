"""The settings.xml of KNIME's own nodes inside components: Component Input and Output, and the configuration nodes."""

import re
from collections.abc import Mapping, Sequence

from core.errors import UserInputError
from headless.settings_parts import OLDEST_KNIME, Source, head, identity, port_types, without_results
from headless.settings_xml import Config, array
from headless.workflow import BORDER_FACTORY, CONFIGURATION_FACTORY, VariableValue
from headless.workflow_template import Entry

VENDOR = "KNIME AG, Zurich, Switzerland"
_CORE = (
    Source("KNIME Core API", "org.knime.core", VENDOR, OLDEST_KNIME),
    Source("KNIME AP Core feature", "org.knime.features.core.feature.group", VENDOR, OLDEST_KNIME),
)
_QUICK_FORMS = (
    Source("KNIME Quick Form Nodes", "org.knime.js.quickforms", VENDOR, OLDEST_KNIME),
    Source("KNIME Quick Forms", "org.knime.features.js.quickforms.feature.group", VENDOR, OLDEST_KNIME),
)
_KINDS = {
    bool: ("Boolean Configuration", "input.bool.Boolean", "boolean"),
    int: ("Integer Configuration", "input.integer.Integer", "integer"),
    float: ("Double Configuration", "input.dbl.Double", "double"),
    str: ("String Configuration", "input.string.String", "string"),
}
_CHOICE = ("Single Selection Configuration", "selection.single.SingleSelection", "variable_value")
_NAME = re.compile(r"[a-zA-Z](?:[-_]?[a-zA-Z0-9]+)*(?<![0-9])")


def component_input(ports: Mapping[str, str], kinds: Sequence[str]) -> Config:
    """The node INPUT; `ports` are names and descriptions."""
    model = _wall(ports) | {"sub-node-description": ""}
    return _virtual("Input", model, kinds) | without_results("Component Input", len(ports))


def component_output(ports: Mapping[str, str], kinds: Sequence[str]) -> Config:
    """The node OUTPUT."""
    model = _wall(ports) | {"allowOutputNodeToCompleteBeforeContent": False}
    return _virtual("Output", model, kinds) | without_results("Component Output", 0)


def configuration_name(entry: Entry) -> str:
    """The name of the configuration node of an entry."""
    return _kind(entry)[0]


def configuration(entry: Entry) -> Config:
    """A configuration node.

    Raises
    ------
    UserInputError : KNIME would refuse the entry's name or default.
    """
    if not _NAME.fullmatch(entry.name):
        raise UserInputError(f"KNIME refuses {entry.name!r} as the name of an entry of a dialog.")
    name, factory, _ = _kind(entry)
    model: Config = {
        "defaultValue": entered(entry, entry.default),
        "hideInDialog": False,
        "parameterName": entry.name,
        "label": entry.label,
        "description": entry.description,
        "required": True,
        "flowVariableName": entry.name,
    }
    begin = head(model | _details(entry), {}, entry.label, "IDLE")
    return (
        begin
        | identity(CONFIGURATION_FACTORY.format(factory), name, *_QUICK_FORMS)
        | {"factory_settings": {}}
        | without_results(name, 1)
    )


def entered(entry: Entry, value: VariableValue) -> Config:
    """A value in a dialog, as the node and the component store it.

    Raises
    ------
    UserInputError : it is of another type, out of range, or no choice.
    """
    low, high = entry.minimum, entry.maximum
    outside = isinstance(value, (int, float)) and not (
        (low is None or value >= low) and (high is None or value <= high)
    )
    if type(value) is not type(entry.default) or outside or (entry.choices and value not in entry.choices):
        raise UserInputError(f"The dialog does not take {value!r}.", where=entry.label)
    return {_kind(entry)[2]: array([value]) if entry.choices else value}


def _kind(entry: Entry) -> tuple[str, str, str]:
    """Name and factory of the node, key of its value."""
    return _CHOICE if entry.choices else _KINDS[type(entry.default)]


def _details(entry: Entry) -> Config:
    if entry.choices:
        return {
            "possible_choices": array(entry.choices),
            "type": "Dropdown",
            "limit_number_visible_options": False,
            "number_visible_options": 5,
        }
    if isinstance(entry.default, bool):
        return {"pushIntVar": False}
    if isinstance(entry.default, str):
        return {
            "regex": "",
            "error_message": "",
            "editorType": "Single-line",
            "multilineEditorWidth": 60,
            "multilineEditorHeight": 5,
        }
    number = type(entry.default)
    return {
        "useMin": entry.minimum is not None,
        "useMax": entry.maximum is not None,
        "min": number(entry.minimum or 0),
        "max": number(entry.maximum or 0),
    }


def _virtual(side: str, model: Config, kinds: Sequence[str]) -> Config:
    begin = head(model, {}, "", "IDLE") | {"isDeletable": False}
    who = identity(BORDER_FACTORY.format(side), f"Component {side}", *_CORE)
    return begin | who | {"factory-id-uniquifier": None, "factory_settings": port_types("port", kinds)}


def _wall(ports: Mapping[str, str]) -> Config:
    """Flow variables neither come in nor go out."""
    pattern: Config = {"pattern": "", "type": "Wildcard", "caseSensitive": True, "excludeMatching": False}
    return {
        "variable-filter": {
            "filter-type": "STANDARD",
            "included_names": array([]),
            "excluded_names": array([]),
            "enforce_option": "EnforceInclusion",
            "name_pattern": pattern,
        },
        "variable-prefix": None,
        "port-names": array(list(ports)),
        "port-descriptions": array(list(ports.values())),
    }
