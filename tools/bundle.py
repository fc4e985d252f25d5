"""Put together what KNIME's bundler makes an update site of, and look for what would go wrong at a user's.

    python -m tools.bundle [FOLDER]        # out/bundle by default; exit code 1 if anything is wrong

With KNIME_PYTHON_SOURCE, KNIME's own Python backend loads the bundle, too.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml

from core.errors import ModelFormatError
from core.model_summary import read_summary
from tools import licences

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("knime.yml", "pixi.toml", "LICENSE.TXT", "THIRD_PARTY_NOTICES.md")
FILES = (*NEEDED, "pixi.lock")
FOLDERS = ("icons", "src")
KINDS = {".py", ".js", ".css", ".microseg"}
"""Kinds of files that belong into src."""

LEFT_OUT = ("__pycache__", "*.egg-info", "headless")
"""`headless` has a stand-in of `knime.extension`, which must never be on the path of KNIME's own."""

MOST_MEGABYTES = 20
MANIFEST = {
    "name": r"[a-z][a-z0-9_]*",
    "group_id": r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+",
    "version": r"\d+\.\d+\.\d+",
    "extension_module": r"src/[a-z_]+",
    "license_file": r".+",
    "pixi_toml_path": r".+",
    **dict.fromkeys(("author", "vendor", "description", "long_description"), r"(?s).+"),
}
"""What knime.yml must say, all of it text: Java casts it, and a version 1.0 would be a number."""

RESERVED = re.compile(r"_ports|_port_impl|debug_util|_?knime.*|_node_backend_launcher")
"""Modules of KNIME's that come before ours on Python's path, or that ours must not replace."""

OF_KNIME = {"python", "py4j", "numpy", "pandas", "pillow", "pyarrow", "markdown", "python-dateutil"}
"""What knime-python-base brings."""

CONDA = {"torch": "pytorch", "dask": "dask-core"}
"""Packages that conda-forge calls something else than PyPI."""


def assemble(root: Path, bundle: Path) -> None:
    """Copy what belongs into the bundle, and nothing else; a bundle that was there before is deleted."""
    if root.resolve().is_relative_to(bundle.resolve()) or not _may_be_replaced(bundle):
        raise SystemExit(f"{bundle} is neither new nor empty, and no bundle. Name another folder.")
    if bundle.exists():
        shutil.rmtree(bundle)
    bundle.mkdir(parents=True)
    for name in FILES:
        if (root / name).is_file():
            shutil.copy(root / name, bundle)
    shutil.copytree(root / "src", bundle / "src", ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(root / "icons", bundle / "icons", ignore=lambda _, names: [n for n in names if n[-4:] != ".png"])


def _may_be_replaced(folder: Path) -> bool:
    """Whether nothing is lost with the folder: it is absent, empty, or holds a bundle and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return not os.path.lexists(folder)
    names = {path.name for path in folder.iterdir()}
    return not names or ("knime.yml" in names and names <= {*FILES, *FOLDERS})


def faults(root: Path, bundle: Path) -> Iterator[str]:
    """Everything that is wrong with a bundle of the repository at `root`, a sentence each."""
    requirements = licences.direct(root)
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    yield from file_faults(bundle)
    if not all((bundle / name).is_file() for name in NEEDED):
        return
    yield from manifest_faults(bundle, project["version"])
    yield from icon_faults(bundle)
    yield from name_faults(bundle)
    yield from import_faults(bundle)
    yield from model_faults(bundle)
    yield from loading_faults(bundle)
    yield from licences.package_faults(requirements)
    yield from licences.notice_faults((bundle / "THIRD_PARTY_NOTICES.md").read_text("utf-8"), requirements)


def manifest_faults(bundle: Path, version: str) -> Iterator[str]:
    """What KNIME or its bundler would not take in knime.yml, or that points nowhere."""
    manifest: dict[str, Any] = yaml.safe_load((bundle / "knime.yml").read_text("utf-8"))
    for key, form in MANIFEST.items():
        if not isinstance(manifest.get(key), str) or not re.fullmatch(form, manifest[key]):
            yield f"knime.yml: {key} is {manifest.get(key)!r}, not a text of the form {form}"
    if manifest.get("version") != version:
        yield f"knime.yml: version is {manifest.get('version')!r}, in pyproject.toml it is {version!r}"
    for key in ("license_file", "pixi_toml_path"):
        if not (bundle / str(manifest.get(key))).is_file():
            yield f"knime.yml: {key} names a file that is not in the bundle"
    if not (bundle / f"{manifest.get('extension_module')}.py").is_file():
        yield "knime.yml: extension_module names a module that is not in the bundle"
    features = manifest.get("feature_dependencies")
    if not isinstance(features, list) or not all(
        isinstance(f, str) and re.fullmatch(r"[a-z][\w.]+( \d+\.\d+\.\d+)?", f) for f in features
    ):
        yield "knime.yml: feature_dependencies is no list of feature ids with least versions"


def file_faults(bundle: Path) -> Iterator[str]:
    """Files that are missing, that nobody expects, or that make the bundle large."""
    for name in NEEDED:
        if not (bundle / name).is_file():
            yield f"{name} is missing"
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file()]
    for path in files:
        inside = path.relative_to(bundle)
        expected = str(inside) in FILES or (inside.parts[0] == "src" and path.suffix in KINDS)
        if not expected and (inside.parts[0] != "icons" or path.suffix != ".png"):
            yield f"{inside.as_posix()} does not belong into a bundle"
    if _megabytes(files) > MOST_MEGABYTES:
        yield f"the bundle has {_megabytes(files):.1f} MB, more than {MOST_MEGABYTES}"


def _megabytes(files: list[Path]) -> float:
    return sum(path.stat().st_size for path in files) / 1e6


def icon_faults(bundle: Path) -> Iterator[str]:
    """Icons that the nodes name and that are not there, by their path beside knime.yml."""
    for path in sorted((bundle / "src").rglob("*.py")):
        for icon in re.findall(r'"([^"\n]*\.png)"', path.read_text("utf-8")):
            if "icons/" in icon and not (bundle / icon).is_file():
                yield f"{path.relative_to(bundle).as_posix()}: there is no icon {icon}"


def name_faults(bundle: Path) -> Iterator[str]:
    """Top-level names in src that are KNIME's, Python's, or a package's: the folder comes first on Python's path."""
    others = packages_distributions()
    for path in sorted((bundle / "src").iterdir()):
        if RESERVED.fullmatch(path.stem):
            yield f"src/{path.name} has a name that KNIME keeps for itself"
        if path.stem in sys.stdlib_module_names:
            yield f"src/{path.name} hides a module of Python"
        if taken := sorted(set(others.get(path.stem, ())) - {"microseg"}):
            yield f"src/{path.name} hides a module of {', '.join(taken)}"


def import_faults(bundle: Path) -> Iterator[str]:
    """Modules that are imported anywhere and that the environment of pixi.toml does not bring."""
    pixi = tomllib.loads((bundle / "pixi.toml").read_text("utf-8"))
    brought = OF_KNIME | {licences.normalized(n) for part in ("dependencies", "pypi-dependencies") for n in pixi[part]}
    own = {path.stem for path in (bundle / "src").iterdir()} | {"knime"} | sys.stdlib_module_names
    packages = packages_distributions()
    for path in sorted((bundle / "src").rglob("*.py")):
        for module in sorted(_imported(path) - own):
            names = {licences.normalized(name) for name in packages.get(module, [module])}
            if not {CONDA.get(name, name) for name in names} & brought:
                yield f"{path.relative_to(bundle).as_posix()}: {module} is not in the environment of pixi.toml"


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    branches = [item for item in ast.walk(tree) if isinstance(item, ast.If)]
    ignored = {id(i) for item in branches if ast.unparse(item.test) == "TYPE_CHECKING" for i in ast.walk(item)}
    found = set()
    for item in ast.walk(tree):
        if isinstance(item, ast.Import) and id(item) not in ignored:
            found |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom) and item.level == 0 and id(item) not in ignored:
            found.add(item.module or "")
    return {name.partition(".")[0] for name in found}


def model_faults(bundle: Path) -> Iterator[str]:
    """Models that cannot be read, or that do not say under which licence they are."""
    for path in sorted((bundle / "src").rglob("*.microseg")):
        where = path.relative_to(bundle).as_posix()
        try:
            licence = str(read_summary(path)["provenance"]["card"]["licence"])
        except (ModelFormatError, KeyError) as error:
            yield f"{where} is no model with a card: {error}"
            continue
        if not licences.is_permissive(licence):
            yield f"{where} has no permissive licence: {licence}"


LOAD = """
import json, sys
source, api, module = sys.argv[1:]
sys.path[:0] = [source]
sys.path.append(api)
sys.modules["headless"] = None
__import__(module)
from knime.extension._nodes import registered_nodes
files = [getattr(m, "__file__", None) or source for n, m in list(sys.modules.items()) if n.split(".")[0] in OWN]
print(json.dumps([[n.id for n in registered_nodes()], [f for f in files if not f.startswith(source)], HEAVY]))
"""


def loading_faults(bundle: Path) -> Iterator[str]:
    """What happens when the bundle alone is imported, as KNIME does at its start."""
    source, api = bundle.resolve() / "src", ROOT / "src" / "headless" / "knime_api"
    own = sorted(path.stem for path in source.iterdir())
    code = LOAD.replace("OWN", repr(own)).replace("HEAVY", '[m for m in ("torch", "numba") if m in sys.modules]')
    module = str(yaml.safe_load((bundle / "knime.yml").read_text("utf-8"))["extension_module"]).rpartition("/")[2]
    command = [sys.executable, "-B", "-P", "-c", code, str(source), str(api), module]
    done = subprocess.run(command, capture_output=True, text=True, cwd=bundle, env=_environment())
    if done.returncode:
        yield f"the bundle cannot be imported: {done.stderr.strip().splitlines()[-1]}"
        return
    ids, strangers, heavy = json.loads(done.stdout)
    if not ids:
        yield "the bundle has no nodes"
    yield from (f"two nodes have the id {name}" for name in sorted({name for name in ids if ids.count(name) > 1}))
    yield from (f"{path} is used, which is not in the bundle" for path in strangers)
    yield from (f"{name} is imported at KNIME's start, which makes it slow" for name in heavy)
    if os.environ.get("KNIME_PYTHON_SOURCE"):
        harness = [sys.executable, "-B", "-W", "ignore", str(ROOT / "tests/knime_backend/harness.py"), str(bundle)]
        done = subprocess.run(harness, capture_output=True, text=True, env=_environment())
        if done.returncode:
            yield f"KNIME's own Python backend: {done.stdout}{done.stderr}".strip()


def _environment() -> dict[str, str]:
    """Without what leads Python to other copies of the program."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def main() -> int:
    """Make the bundle and tell what is wrong."""
    bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "bundle"
    assemble(ROOT, bundle)
    found = list(faults(ROOT, bundle))
    for fault in found:
        print(f"! {fault}")
    files = [path for path in bundle.rglob("*") if path.is_file()]
    print(f"{bundle}: {len(files)} files, {_megabytes(files):.1f} MB, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
