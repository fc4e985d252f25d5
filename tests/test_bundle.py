"""What KNIME's bundler gets: the bundle of this repository is right, and whatever is wrong is found by its name."""

import re
import shutil
from collections.abc import Callable
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from packaging.requirements import Requirement
from tools import bundle as tool
from tools import licences


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of this repository."""
    folder = tmp_path_factory.mktemp("bundle")
    tool.assemble(tool.ROOT, folder)
    return folder


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return shutil.copytree(whole, tmp_path / "bundle")


def test_the_bundle_of_this_repository_is_right(whole: Path) -> None:
    assert list(tool.faults(tool.ROOT, whole)) == []
    assert {path.name for path in whole.iterdir()} - {"pixi.lock"} == {
        "LICENSE.TXT", "THIRD_PARTY_NOTICES.md", "icons", "knime.yml", "pixi.toml", "src",
    }  # fmt: skip
    assert {path.name for path in (whole / "src").iterdir()} == {"core", "nodes", "microseg_extension.py"}
    assert len(list(whole.glob("src/core/pretrained/*.microseg"))) == 3
    assert not list(whole.rglob("__pycache__"))


def test_a_bundle_is_made_anew_and_nothing_else_is_deleted(whole: Path, tmp_path: Path) -> None:
    (whole / "src" / "old.py").write_text("")
    tool.assemble(tool.ROOT, whole)
    assert not (whole / "src" / "old.py").exists()
    (tmp_path / "thesis.doc").write_text("")
    with pytest.raises(SystemExit, match="no bundle"):
        tool.assemble(tool.ROOT, tmp_path)
    assert (tmp_path / "thesis.doc").exists()


@pytest.mark.parametrize("place", [".", "..", "link", "file", "src", "empty/.."])
def test_no_repository_is_deleted(tmp_path: Path, place: str) -> None:
    root = tmp_path / "repository"
    for name in ("src/core", "icons", "empty"):
        (root / name).mkdir(parents=True)
    for name in ("knime.yml", "pixi.toml", "LICENSE.TXT", "src/core/read.py", "notes.txt", "file"):
        (root / name).write_text("mine")
    (root / "link").symlink_to(root / "icons")
    before = sorted(root.rglob("*"))
    with pytest.raises(SystemExit, match="Name another folder"):
        tool.assemble(root, root / place)
    assert sorted(root.rglob("*")) == before
    (root / "notes.txt").unlink()  # what is left could be a bundle
    with pytest.raises(SystemExit, match="Name another folder"):
        tool.assemble(root, root)
    tool.assemble(root, root / "out" / "bundle")
    assert (root / "src/core/read.py").read_text() == (root / "out/bundle/src/core/read.py").read_text() == "mine"


def manifest(key: str, value: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        path = bundle / "knime.yml"
        path.write_text(re.sub(rf"(?m)^{key}:(?: >-)?.*\n(?: .*\n)*", value and f"{key}: {value}\n", path.read_text()))

    return change


def added(name: str, content: str = "") -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        path = bundle / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + content)

    return change


def removed(name: str) -> Callable[[Path], None]:
    return lambda bundle: (bundle / name).unlink()


NODES = "src/nodes/learner.py"
MODEL = "src/core/pretrained/nuclei-all.microseg"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (manifest("version", "0.2"), "version is 0.2, not a text"),
        (manifest("version", "0.2.0rc1"), "version is '0.2.0rc1', not a text"),
        (manifest("version", "0.3.0"), "in pyproject.toml it is '0.2.0'"),
        (manifest("group_id", ""), "group_id is None"),
        (manifest("name", "Micro-Seg"), "name is 'Micro-Seg'"),
        (manifest("extension_module", "src/absent"), "extension_module names a module that is not"),
        (manifest("license_file", "LICENCE"), "license_file names a file that is not"),
        (manifest("feature_dependencies", "org.knime.features.core"), "feature_dependencies is no list"),
        (manifest("long_description", ""), "long_description is None"),
        (removed("THIRD_PARTY_NOTICES.md"), "THIRD_PARTY_NOTICES.md is missing"),
        (removed("pixi.toml"), "pixi.toml is missing"),
        (removed("knime.yml"), "knime.yml is missing"),
        (removed("icons/learner.png"), "learner.py: there is no icon icons/learner.png"),
        (added("src/nodes/notes.ipynb"), "src/nodes/notes.ipynb does not belong"),
        (added("tests/test_x.py"), "tests/test_x.py does not belong"),
        (added("src/_ports.py"), "src/_ports.py has a name that KNIME keeps"),
        (added("src/knime/x.py"), "src/knime has a name that KNIME keeps"),
        (added("src/queue.py"), "src/queue.py hides a module of Python"),
        (added("src/yaml.py"), "src/yaml.py hides a module of PyYAML"),
        (added(NODES, "\nimport headless\n"), "learner.py: headless is not in the environment"),
        (added(NODES, "\ndef later():\n    import pytest\n"), "learner.py: pytest is not in the environment"),
        (added("src/core/large.css", "x" * 21_000_000), "more than 20"),
        (lambda bundle: (bundle / MODEL).write_bytes(b"x"), "nuclei-all.microseg is no model with a card"),
    ],
)
def test_faults_are_found_by_name(bundle: Path, damage: Callable[[Path], None], fault: str) -> None:
    damage(bundle)
    assert any(fault in found for found in tool.faults(tool.ROOT, bundle))


@pytest.mark.parametrize("name", tool.NEEDED)
def test_a_bundle_that_lacks_a_file_is_looked_at_no_further(bundle: Path, name: str) -> None:
    removed(name)(bundle)
    assert list(tool.faults(tool.ROOT, bundle)) == [f"{name} is missing"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (added(NODES, "\nraise ValueError('broken')\n"), "cannot be imported: ValueError: broken"),
        (added(NODES, "\nimport headless\n"), "cannot be imported: ModuleNotFoundError.*headless"),
        (added(NODES, "\nimport torch\n"), "torch is imported at KNIME's start"),
        (removed("src/core/errors.py"), "cannot be imported|is used, which is not in the bundle"),
    ],
)
def test_what_goes_wrong_when_it_is_loaded(bundle: Path, damage: Callable[[Path], None], fault: str) -> None:
    damage(bundle)
    assert any(re.search(fault, found) for found in tool.loading_faults(bundle))


@pytest.mark.parametrize(
    ("text", "permissive"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND Zlib AND CC0-1.0", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("License :: OSI Approved :: Python Software Foundation License", True),
        ("MIT AND (LGPL-2.1-only OR BSD-2-Clause)", True),
        ("", False),
        ("GPL-3.0-only", False),
        ("MIT AND LGPL-2.1-only", False),
        ("License :: OSI Approved :: GNU Affero General Public License v3", False),
        ("Proprietary, all rights reserved", False),
    ],
)
def test_licences(text: str, permissive: bool) -> None:
    assert licences.is_permissive(text) == permissive


def installed(requires: list[str], **fields: str) -> Distribution:
    metadata = Message()
    for name, value in fields.items():
        metadata[name.replace("_", "-")] = value
    return cast(Distribution, SimpleNamespace(metadata=metadata, requires=requires, files=()))


def test_packages_of_packages_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    packages: dict[str, Any] = {
        "good": installed(['bad-one; python_version > "3"', 'absent; python_version < "3"'], License_Expression="MIT"),
        "bad-one": installed(["silent"], License="GPL-3.0"),
        "silent": installed(["good"]),
    }
    monkeypatch.setattr(licences, "distribution", packages.__getitem__)
    assert list(licences.package_faults([Requirement("Good>=1")])) == [
        "the package bad-one has no permissive licence: GPL-3.0",
        "the package silent has no permissive licence: unknown",
    ]
    monkeypatch.undo()
    assert list(licences.package_faults([Requirement("no-such-package-here")])) == [
        "the package no-such-package-here is not installed, so that its licence cannot be read"
    ]


def test_notices_name_every_package() -> None:
    requirements = [Requirement("scikit-image>=1"), Requirement("psutil")]
    assert list(licences.notice_faults("We use scikit-image.", requirements)) == [
        "THIRD_PARTY_NOTICES.md does not name psutil"
    ]


def test_every_package_at_run_time_is_pinned() -> None:
    pins = re.findall(r"(?m)^([\w.-]+)==", (tool.ROOT / "constraints.txt").read_text())
    needed = licences.closure(licences.direct(tool.ROOT))
    assert set(needed) - {licences.normalized(name) for name in pins} <= {"setuptools"}  # which pip brings
