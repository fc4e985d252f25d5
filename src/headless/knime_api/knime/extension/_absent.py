"""What KNIME's API has and the stand-in has not, so that using it ends in words and not in a riddle."""

_EXTENSION = """
    BinaryPortObjectSpec ColumnFilterConfig ColumnFilterParameter Condition ConnectionPortObject Contains
    CredentialPortObjectSpec DateTimeParameter DialogCreationContext DictEncodingKeyType EnumSetParameter ImageFormat
    ImagePortObjectSpec LayoutDirection LocalPathParameter MultiColumnParameter MultilineStringParameter Or
    ParameterArray Port PrimitiveTypeId ProxySettings PythonNode StructType ViewDeclaration WorkflowExecutionError blob
    get_proxy_settings input_binary input_binary_group input_port_group output_binary
    output_binary_group output_image output_image_group output_port_group output_table_group struct
    supported_value_types view view_ipy_repr view_jpeg view_matplotlib view_plotly view_png view_seaborn view_svg
"""
_CONTEXT = """
    get_connected_input_port_numbers get_connected_output_port_numbers get_credential_names get_credentials
    get_knime_home_dir
"""

NAMES, CONTEXT = frozenset(_EXTENSION.split()), frozenset(_CONTEXT.split())
"""Of `knime.extension`; of the contexts of `configure` and `execute`."""


def missing(what: str, name: str, names: frozenset[str]) -> AttributeError:
    """The error for a name that is asked for in vain; `names` are those that KNIME has."""
    where = "is there within KNIME only; the stand-in for KNIME does not have it" if name in names else "does not exist"
    return AttributeError(f"{what}.{name} {where}.")
