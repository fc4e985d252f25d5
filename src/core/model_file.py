"""The file of a model, whatever it does: a zip archive of

config.json            the configuration
weights.safetensors    the weights
"""

import io
import json
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.errors import MicrosegError, ModelFormatError
from core.io.write import atomic
from core.model_summary import CONFIG

_WEIGHTS = "weights.safetensors"

Weights = dict[str, Tensor]

Model = TypeVar("Model")


def pack(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> bytes:
    """The file's content; the same configuration and weights are the same bytes."""
    known = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            (CONFIG, json.dumps(config, indent=1).encode()),
            (_WEIGHTS, safetensors.torch.save(known)),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


class Stored(ABC):
    """A model that has a file."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """The file's content."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, content: bytes | memoryview, name: str) -> Self:
        """The model in a file's content, see `unpack`; `name` is what messages call the file."""

    def save(self, path: Path) -> None:
        """Write the model file; a file that stood there is replaced only when all is written.

        Raises
        ------
        OutputError : the file cannot be written.
        """
        with atomic(path) as part:
            part.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Self:
        """The model in a file.

        Raises
        ------
        ModelFormatError : no such file, no such model, damaged, or written by a newer version.
        """
        return cls.from_bytes(_read(path), str(path))


def _read(path: Path) -> bytes:
    """The content of a file.

    Raises
    ------
    ModelFormatError : it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFormatError(
            f"The file cannot be read ({error.strerror}).",
            where=str(path),
            todo="Check its name and whether you may read it.",
        ) from None


def unpack(
    content: bytes | memoryview,
    build: Callable[[dict[str, Any], Weights], Model],
    schema: int,
    name: str,
    kind: str,
    part: str,
    todo: str,
) -> Model:
    """The model in a file's content.

    Parameters
    ----------
    content : what `pack` gave.
    build : makes the model of its configuration, in which the schema version is `schema`, and its weights.
    schema : version of the configuration that this program writes; it reads all up to it.
    name : how messages call the file, for instance its path.
    kind : what it should be, for messages: "segmentation model".
    part : an entry of the configurations of this kind only.
    todo : what the user can do about a damaged one.

    Raises
    ------
    ModelFormatError : no such model, damaged, or written by a newer version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data, weights = json.loads(archive.read(CONFIG)), archive.read(_WEIGHTS)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, ValueError, OSError, RuntimeError) as error:
        raise ModelFormatError(f"This is no {kind}, or it is damaged ({error}).", where=name, todo=todo) from None
    if isinstance(data, dict) and part not in data:
        raise ModelFormatError(f"This is no {kind}: it has no {part}.", where=name, todo=todo)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or version > schema:
        raise ModelFormatError(
            f"The model has schema version {version}, this extension reads up to {schema}.",
            where=name,
            todo="Update the extension.",
        )
    try:
        model = build({**data, "schema_version": schema}, _upcast(safetensors.torch.load(weights)))
    except (
        MicrosegError,
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelFormatError(f"The model does not fit together ({error}).", where=name, todo=todo) from None
    return model


def _upcast(weights: Weights) -> Weights:
    """Weights stored in half precision become float32."""
    return {name: w.float() if w.dtype == torch.float16 else w for name, w in weights.items()}
