"""Every node as it stands in a workflow when its dialog is opened: connected, configured, a path where it needs one."""

from dataclasses import dataclass
from typing import Any

from tests.backends import Node, Session


@dataclass(frozen=True)
class Scene:
    """A node, and what is connected to its inputs: None where nothing is."""

    node: Node
    specs: tuple[Any, ...]


def scenes(session: Session) -> dict[str, Scene]:
    """A scene for every node of the extension, on either backend."""
    found: dict[str, Scene] = {}

    def place(node_id: str, *specs: Any, **settings: Any) -> list[Any]:
        node: Node = session.node(node_id).set(**settings)
        outputs = node.configure(*specs)
        found[node_id] = Scene(node, specs)
        return outputs

    (images,) = place("MicroscopyImageReader", folder="nuclei/train")
    place("NucleiSimulator")
    place("PretrainedSegmentationModel")
    place("SelfSupervisedPretrainer", [images, images])
    model, _ = place("SegmentationLearner", images, None, None, images)
    place("SegmentationRetrainer", model, images, None, images, images)
    place("PretrainingAdvisor", images, None)
    place("StyleTransferLearner", images, images)
    place("ModelWriter", model, folder="models", name="nuclei")
    place("ModelReader", path="models/nuclei.microseg")
    (segmented,) = place("SegmentationPredictor", model, images)
    place("FragmentGrouper", segmented, connection={"criterion": "WAY", "source": "MANUAL"})
    place("InstanceCounter", segmented, image_column="Image")
    place("SegmentationScorer", segmented)
    place("SegmentationLabelWriter", segmented, folder="results", name_column="Name")
    place("LargeImagePredictor", model, None, file="slides/kidney.svs", output="results")
    (tiles,) = place("LargeImageTiler", None, file="slides/kidney.svs")
    (segmented_tiles,) = session.node("SegmentationPredictor").configure(model, tiles)
    place("TileMerger", segmented_tiles)
    place("StyleTransfer", images, images, None, style={"method": "FOURIER"})
    place("DomainGapReport", images, images)
    place("DomainAdaptationLearner", images, images, None)
    return found
