"""KNIME never calls Python in the main thread."""

import threading
from collections.abc import Callable
from typing import Any


def elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a thread of its own, and wait for it; what it raises is raised here."""
    box: dict[str, Any] = {}

    def run() -> None:
        try:
            box["value"] = function(*arguments)
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            box["error"] = error

    thread = threading.Thread(target=run, name="like-py4j")
    thread.start()
    thread.join()
    if "error" in box:
        raise box["error"]
    return box["value"]
