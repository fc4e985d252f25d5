"""A page as a node's view: with a static picture for reports, and rows that are selected as in KNIME's other views.

KNIME has its reports made, and selections told, by a script of its own that a page includes. Outside KNIME there is no
such script, and pages do without.
"""

import base64
from importlib import import_module
from inspect import signature
from typing import Any

import knime.extension as knext

from nodes.views.stage import read


def node_view(html: str, picture: str | bytes, *more: str | bytes, rows: bool = False) -> Any:
    """A view of a whole page.

    Parameters
    ----------
    html : of `nodes.views.html.page`.
    picture : SVG, or a PNG file's content, that stands for the view.
    more : what a report shows below it: such pictures, and other HTML.
    rows : whether the page's rows are those of the node's first input, so that a row selected here is one selected in
        KNIME. It knows selections of the first input only.
    """
    service = _knime_script()
    if service:
        content = "".join(one if isinstance(one, str) else _image(one) for one in (picture, *more))
        added = f'<template id="report">{content}</template><script>{service}</script>'
        added += f"<script>{read('shared/knime.js')}</script>"
        html = html.replace("<body>", "<body data-rows>" if rows else "<body>", 1)
        head, end, tail = html.rpartition("</body>")
        html = head + added + end + tail
    in_report = {"can_be_used_in_report": True} if service and _knows_reports() else {}
    return knext.view_html(html, svg_or_png=picture, **in_report)


def _knows_reports() -> bool:
    """Whether this KNIME shows views in reports; before 5.7 it does not."""
    return "can_be_used_in_report" in signature(knext.view_html).parameters


def _image(png: bytes) -> str:
    return f'<img alt="" style="max-width:100%" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _knime_script() -> str:
    """KNIME's script for views; empty where there is none."""
    try:
        return str(import_module("knime.api.views").KNIME_UI_EXT_SERVICE_JS).replace("</script", r"<\/script")
    except (ImportError, AttributeError):
        return ""
