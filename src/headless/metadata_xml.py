"""workflow-metadata.xml and component-metadata.xml: what people read about a workflow or a component."""

import base64
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from headless.workflow_template import Component, Template

_NAMESPACE = "http://www.knime.org/core/node/workflow/metadata/v1.0"


def workflow_metadata(template: Template) -> str:
    """The text of workflow-metadata.xml."""
    return _document("workflow-metadata", _common(template))


def component_metadata(component: Component) -> str:
    """The text of component-metadata.xml, with ports and icon."""
    return _document("component-metadata", _of_component(component))


def _document(root: str, lines: Iterator[str]) -> str:
    first = f'<{root} content-type="text/plain" xmlns="{_NAMESPACE}">'
    inner = (f"    {line}" for line in lines)
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', first, *inner, f"</{root}>"])


def _common(what: Template | Component) -> Iterator[str]:
    yield from _element("author", what.author)
    yield from _element("created", f"{what.written}.000Z")
    yield from _element("last-modified", f"{what.written}.000Z")
    yield from _element("description", what.description)
    if what.tags:
        yield "<tags>"
        yield from (f"    <tag>{escape(tag)}</tag>" for tag in what.tags)
        yield "</tags>"
    if what.links:
        yield "<links>"
        yield from (f"    <link href={quoteattr(url)}>{escape(text)}</link>" for text, url in what.links.items())
        yield "</links>"


def _of_component(component: Component) -> Iterator[str]:
    yield from _common(component)
    yield from _element("component-type", component.kind)
    if component.icon:
        yield from _element("icon", base64.b64encode(component.icon).decode())
    yield from _ports("in-ports", component.inputs)
    yield from _ports("out-ports", component.outputs)


def _ports(name: str, ports: Mapping[str, str]) -> Iterator[str]:
    yield f"<{name}>" if ports else f"<{name}/>"
    for port, description in ports.items():
        (line,) = _element("port", description, f" name={quoteattr(port)}")
        yield f"    {line}"
    if ports:
        yield f"</{name}>"


def _element(name: str, text: str, attributes: str = "") -> Iterator[str]:
    yield f"<{name}{attributes}>{escape(text)}</{name}>" if text else f"<{name}{attributes}/>"
