"""The licences of all packages that the extension needs, read from what is installed here.

What wheels and conda packages hold besides Python code, such as compiled libraries, is not looked into.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

_PERMISSIVE = re.compile(
    r"\b(0?BSD|MIT|Apache|PSF|PSFL|Python Software Foundation|ISC|Zlib|CC0|BSL-1\.0|LLVM-exception)\b"
)
_COPYLEFT = re.compile(r"GPL|General Public|copyleft", re.IGNORECASE)


def normalized(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(root: Path) -> list[Requirement]:
    """What pyproject.toml asks for at run time; the extras for faster prediction and for ImageNet are in the bundle."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [Requirement(text) for text in (*project["dependencies"], *extras["onnx"], *extras["imagenet"])]


def closure(requirements: Iterable[Requirement]) -> dict[str, Distribution | None]:
    """All packages that these need, and these, by their normalised names; None: it is not installed."""
    found: dict[str, Distribution | None] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = normalized(requirement.name)
        if name in found or (requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = package = distribution(name)
        except PackageNotFoundError:
            found[name] = None
        else:
            waiting += [Requirement(text) for text in package.requires or ()]
    return found


def licence(package: Distribution) -> str:
    """What the package says of its licence, in its metadata or at the head of its licence file; empty: nothing."""
    expressions, classifiers, texts = (
        [str(value) for value in package.metadata.get_all(key) or ()]  # a missing key is an error or None: it depends
        for key in ("License-Expression", "Classifier", "License")
    )
    approved = "; ".join(c for c in classifiers if c.startswith("License :: OSI Approved :: "))
    for text in (*expressions, approved, *texts):
        if text and text != "UNKNOWN":
            return text.strip().partition("\n")[0]
    for file in package.files or ():
        if re.match(r"licen[cs]e|copying", file.name, re.IGNORECASE):
            return " ".join(file.read_text("utf-8").split())[:60]
    return ""


def is_permissive(text: str) -> bool:
    """Whether every licence that is named, as an SPDX expression or in words, allows use and sale with notice alone."""
    parts = re.split(r" AND |; ", text.replace("(", "").replace(")", ""))
    return all(
        any(_PERMISSIVE.search(choice) and not _COPYLEFT.search(choice) for choice in part.split(" OR "))
        for part in parts
    )


def package_faults(requirements: Iterable[Requirement]) -> Iterator[str]:
    """Packages that are not here, or whose licence is none of the permissive ones."""
    for name, package in sorted(closure(requirements).items()):
        if package is None:
            yield f"the package {name} is not installed, so that its licence cannot be read"
        elif not is_permissive(text := licence(package)):
            yield f"the package {name} has no permissive licence: {text or 'unknown'}"


def notice_faults(notices: str, requirements: Iterable[Requirement]) -> Iterator[str]:
    """Packages that THIRD_PARTY_NOTICES.md does not name."""
    named = re.sub(r"[^a-z0-9]", "", notices.lower())
    for requirement in requirements:
        if re.sub(r"[^a-z0-9]", "", requirement.name.lower()) not in named:
            yield f"THIRD_PARTY_NOTICES.md does not name {requirement.name}"
