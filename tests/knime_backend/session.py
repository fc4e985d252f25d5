"""An extension in KNIME's own Python backend, without KNIME: what Java would do is imitated.

Everything that decides how a node behaves is KNIME's: parameters, schemas, tables, Arrow files, views, port objects.
One process holds one extension at a time, as in KNIME.
"""

import contextlib
import importlib
import json
import logging
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from tests.knime_backend import sources
from tests.knime_backend.cutting import cut
from tests.knime_backend.java import JavaCallback, JavaFileStores, JavaMap, JavaSink, client_server
from tests.knime_backend.threads import elsewhere
from tests.knime_backend.value_factories import FACTORIES, traits_of


class KnimeSession:
    """An extension, loaded.

    Parameters
    ----------
    folder : of its knime.yml.
    temp : folder for everything that it writes; its folder `workflow` is that of the workflow.
    """

    def __init__(self, folder: Path, temp: Path) -> None:
        self.folder = folder.resolve()
        self.yml = yaml.safe_load((self.folder / "knime.yml").read_text(encoding="utf-8"))
        self.id = f"{self.yml['group_id']}.{self.yml['name']}"
        self.version = str(self.yml["version"])
        self.work = temp.resolve()
        self.cells = JavaFileStores(self.work / "cells")
        self.logs: list[tuple[str, str]] = []
        if str(self.yml["extension_module"]).endswith(".py"):
            raise ValueError("knime.yml: the extension_module is imported by its name, which does not end in .py.")
        self._boot(sources.export(), (self.folder / self.yml["extension_module"]).resolve())

    def _boot(self, root: Path, module: Path) -> None:
        sources.put_on_path(root, module.parent)
        _forget_modules_in(module.parent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # KNIME's modules warn of what they miss outside KNIME
            gateway, self.node_api, launcher = map(
                _module, ("knime._backend._gateway", "knime.extension.nodes", "_node_backend_launcher")
            )
        logging.getLogger("py4j").setLevel(logging.ERROR)
        gateway.client_server = client_server()
        launcher._to_java_list = list
        launcher._create_linked_hashmap = JavaMap
        self.node_api._nodes.clear()
        self.node_api._categories.clear()
        self.backend = launcher._KnimeNodeBackend()
        root_logger = logging.getLogger()
        root_logger.setLevel(logging.DEBUG)  # whatever any library says goes to KNIME, over py4j
        if not any(isinstance(handler, launcher.KnimeLogHandler) for handler in root_logger.handlers):
            handler = launcher.KnimeLogHandler(self.backend)
            handler.flush = lambda: None  # before KNIME 5.10 it calls itself, without end
            root_logger.addHandler(handler)
        self.backend.registerExtensions(["knime._arrow._backend", "knime._views"])
        self.backend.initializeJavaCallback(
            SimpleNamespace(
                log=lambda message, severity: self.logs.append((severity, message)),
                get_global_proxy_list=list,
                get_global_tmp_dir_path=lambda: str(self.work),
            )
        )
        self._register_cells(root / sources.CELL_TYPES)
        self.backend.loadExtension(self.id, module.name, self.version)
        self.categories = json.loads(self.backend.retrieveCategoriesAsJson())
        self.nodes = json.loads(self.backend.retrieveNodesAsJson())

    def _register_cells(self, plugin: Path) -> None:
        modules = ET.parse(plugin).getroot().findall("extension/Module")
        for default in ("true", "false"):
            for module in modules:
                for entry in module.findall("PythonValueFactory"):
                    name = str(entry.get("ValueFactory"))
                    factory = FACTORIES.get(name)
                    if entry.get("isDefaultPythonRepresentation", "true") == default and factory and factory.storage:
                        self.backend.registerPythonValueFactory(
                            module.get("moduleName"),
                            entry.get("PythonClassName"),
                            factory.name,
                            json.dumps(factory.storage),
                            json.dumps(traits_of(factory.storage, name)),
                            entry.get("ValueTypeName"),
                            default == "true",
                        )
        for module in modules:
            for entry in module.findall("FromPandasColumnConverter"):
                self.backend.registerFromPandasColumnConverter(
                    module.get("moduleName"), entry.get("PythonClassName"), entry.get("ValueTypeName")
                )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function as KNIME does: never in the main thread."""
        return elsewhere(function, *arguments)

    def callback(self, variables: dict[str, Any] | None = None, executing: bool = False) -> JavaCallback:
        """The Java end of a call."""
        return JavaCallback(self.work, self.cells, variables, executing)

    @contextlib.contextmanager
    def tables(self) -> Iterator[Any]:
        """Within it, tables can be made and cells read outside of `execute`."""
        tables, arrow, gateway = map(_module, ("knime.api.table", "knime._arrow._table", "knime._backend._gateway"))
        callback, before = self.callback(executing=True), tables._backend
        backend = arrow._ArrowBackend(lambda: gateway.data_sink_mapper(callback.create_sink()))
        backend.file_store_handler = callback
        tables._backend = backend
        try:
            yield backend
        finally:
            backend.close()
            tables._backend = before

    def write_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> JavaSink:
        """A table in a file: an Arrow table or data frame, in batches of these lengths (None: in one)."""
        import pandas as pd

        tables = _module("knime.api.table")
        with self.tables() as backend:
            if isinstance(data, pd.DataFrame):
                data = tables.Table.from_pandas(data, row_ids=row_ids)
            elif not isinstance(data, tables.Table):
                data = tables.Table.from_pyarrow(data, row_ids=row_ids)
            sink = backend.create_sink()
            if data._table.nbytes > data._MAX_NUM_BYTES_PER_BATCH:
                sink.write(data._table)  # KNIME itself writes rows of any size, its Python does not
            else:
                data._write_to_sink(sink)
        java: JavaSink = sink._java_data_sink
        if batches is not None:
            java.offsets = cut(java.path, batches)
        return java


def _module(name: str) -> Any:
    """A module of KNIME's, of which type checkers know nothing."""
    return importlib.import_module(name)


def _forget_modules_in(folder: Path) -> None:
    """Take the modules of an earlier session out of Python's memory, so that their nodes register themselves again."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        places = [file] if isinstance(file, str) else [p for p in getattr(module, "__path__", ()) if isinstance(p, str)]
        if name != "__main__" and any(Path(place).resolve().is_relative_to(folder) for place in places):
            del sys.modules[name]
