"""What a workflow relies on: identities, descriptions, defaults; and that the menus offer what the library has."""

import ast
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

NODES = {
    "MicroscopyImageReader": "Microscopy Image Reader",
    "NucleiSimulator": "Nuclei Simulator",
    "SegmentationLearner": "Segmentation Learner",
    "SegmentationRetrainer": "Segmentation Retrainer",
    "SelfSupervisedPretrainer": "Self-Supervised Pretrainer",
    "PretrainingAdvisor": "Pretraining Advisor",
    "SegmentationPredictor": "Segmentation Predictor",
    "InstanceCounter": "Instance Counter",
    "SegmentationScorer": "Segmentation Scorer",
    "SegmentationLabelWriter": "Segmentation Label Writer",
    "ModelWriter": "Model Writer",
    "ModelReader": "Model Reader",
    "PretrainedSegmentationModel": "Pretrained Segmentation Model",
    "LargeImagePredictor": "Large Image Predictor",
    "LargeImageTiler": "Large Image Tiler",
    "TileMerger": "Tile Merger",
    "StyleTransfer": "Style Transfer",
    "StyleTransferLearner": "Style Transfer Learner",
    "DomainGapReport": "Domain Gap Report",
    "DomainAdaptationLearner": "Domain Adaptation Learner",
    "FragmentGrouper": "Fragment Grouper",
}


def test_identity() -> None:
    """Names that saved workflows hold: they can never change."""
    described = yaml.safe_load((ROOT / "knime.yml").read_text())
    assert (described["group_id"], described["name"]) == ("org.microseg", "segmentation")
    assert described["extension_module"] == "src/microseg_extension"
    assert [int(part) for part in described["version"].split(".")] == [0, 2, 0]
    for key in ("license_file", "pixi_toml_path"):
        assert (ROOT / described[key]).is_file()


def test_nodes_and_their_names(session: Any) -> None:
    assert {node["id"]: node["name"] for node in session.nodes} == NODES
    from nodes.ports import model_port

    assert model_port.id == "org.microseg.segmentation.model"


@pytest.mark.parametrize("node_id", NODES)
def test_settings_can_be_stored(session: Any, node_id: str) -> None:
    """KNIME stores no empty numbers, and whole numbers of 32 bits."""

    def check(value: Any) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                check(inner)
        else:
            assert isinstance(value, str | bool | int | float)
            assert not isinstance(value, int) or -(2**31) <= value < 2**31

    node = session.node(node_id)
    assert node.validate() is None
    check(node.settings["model"])


def test_icons() -> None:
    icons = {path.stem: path.read_bytes() for path in (ROOT / "icons").glob("*.png")}
    assert len(icons) == len(NODES) + 1
    for name, content in icons.items():
        assert struct.unpack(">II", content[16:24]) == ((16, 16) if name == "category" else (48, 48))


def test_short_descriptions_are_safe() -> None:
    """KNIME reads the first line of a description as XML: a bare < or & would drop the whole extension."""
    for path in (ROOT / "src/nodes").glob("*.py"):
        for item in ast.parse(path.read_text()).body:
            if isinstance(item, ast.ClassDef):
                first = (ast.get_docstring(item) or "").splitlines()[0]
                assert not set(first) & set("<&"), f"{path.name}: {first}"


def test_menus_offer_what_the_library_has(session: Any) -> None:
    from core.adaptation.style import STYLES
    from core.devices import DEVICES
    from core.heads import HEADS
    from core.inference.engines import ENGINES
    from core.networks import NETWORKS
    from core.training.config import LEARNING, LOAD
    from nodes import network_settings, retrainer, settings, style_settings

    def names(options: Any) -> set[str]:
        return {name.lower() for name in options.get_all_options()}

    assert names(network_settings.Head) == set(HEADS)
    assert names(network_settings.Network) == set(NETWORKS)
    assert names(settings.Device) == set(DEVICES)
    assert names(settings.Engine) == set(ENGINES)
    assert names(retrainer.Load) == set(LOAD)
    assert names(retrainer.Learning) == set(LEARNING)
    assert names(style_settings.Method) == {*STYLES, "model"}


def test_defaults_are_those_of_the_library(session: Any) -> None:
    from core.adaptation.style import FourierConfig, StandardizeConfig
    from core.heads import HeadConfig
    from core.networks import NetworkConfig
    from core.pretraining.config import PretrainingConfig
    from core.training.config import RetrainingConfig, TrainingConfig

    learner = session.node("SegmentationLearner").settings["model"]
    library = TrainingConfig()
    for name in ("epochs", "steps", "batch_size", "patch_size", "learning_rate", "patience", "seed", "devices"):
        assert learner["training"][name] == getattr(library.schedule, name), name
    assert learner["training"]["validation_fraction"] == library.validation_fraction
    for name in ("base", "depth", "grid"):
        assert learner["model"][name] == getattr(NetworkConfig(), name), name
    assert learner["model"]["rays"] == HeadConfig().n_rays
    network, pretraining = session.node("SelfSupervisedPretrainer").settings["model"]["network"], PretrainingConfig()
    for name in ("base", "depth", "grid"):
        assert network[name] == getattr(pretraining.network, name), name
    task, magnification = session.node("SelfSupervisedPretrainer").settings["model"], pretraining.magnification
    assert tuple(float(scale) for scale in task["scales"].split(",")) == magnification.scales
    assert (task["coverage"], task["answer"] == "CONTINUOUS") == (magnification.coverage, magnification.continuous)
    transfer = session.node("SegmentationRetrainer").settings["model"]["transfer"]
    for name in ("freeze", "loaded_rate", "match_scale", "layer_decay", "pull", "source_share"):
        assert transfer[name] == getattr(RetrainingConfig(), name), name
    assert transfer["load"].lower() == RetrainingConfig().load
    assert transfer["learning"].lower() == RetrainingConfig().learning
    style = session.node("StyleTransfer").settings["model"]["style"]
    for name in ("beta", "reference", "seed", "padding"):
        value = style[name]
        assert (value.lower() if isinstance(value, str) else value) == getattr(FourierConfig(), name), name
    assert (style["measure"].lower(), style["low"], style["high"]) == (
        StandardizeConfig().range, StandardizeConfig().low, StandardizeConfig().high,
    )  # fmt: skip


def test_scored_thresholds_are_those_of_the_library(session: Any) -> None:
    from core.evaluation.scores import IOU_THRESHOLDS
    from nodes.scorer import THRESHOLDS

    assert [float(text) for text in THRESHOLDS] == pytest.approx(list(IOU_THRESHOLDS))


def test_configuring_loads_nothing_heavy() -> None:
    """Not through the library either."""
    program = """
import sys
from pathlib import Path
from headless.backend import Context, load_extension
extension = load_extension(Path.cwd())
import knime.extension as knext
from nodes.columns import tensor_type
from nodes.ports import SegmentationModelSpec
images = knext.Schema.from_columns([knext.Column(tensor_type(), name) for name in ("Image", "Labels")])
inputs = {"SegmentationLearner": [images], "SegmentationPredictor": [SegmentationModelSpec(), images],
          "InstanceCounter": [images], "NucleiSimulator": [], "PretrainedSegmentationModel": [],
          "SelfSupervisedPretrainer": [[images]]}
for node_id, specs in inputs.items():
    node = extension.nodes[node_id]
    node.create().configure([*specs, *[None] * (len(node.input_ports) - len(specs))], Context(Path.cwd()))
print(*sorted({"torch", "numba", "scipy", "skimage", "pandas", "lightning_fabric", "tifffile"} & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_nothing_heavy_is_loaded_with_the_extension() -> None:
    """KNIME gives an extension 30 seconds to start; what nodes compute with is imported when they run."""
    heavy = {"torch", "numba", "scipy", "skimage", "pandas", "lightning_fabric", "tifffile"}
    for path in [ROOT / "src/microseg_extension.py", *(ROOT / "src/nodes").rglob("*.py")]:
        for item in ast.parse(path.read_text()).body:
            names = [alias.name for alias in item.names] if isinstance(item, ast.Import) else []
            names += [item.module or ""] if isinstance(item, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & heavy, path.name
