"""Write the template workflows and the shared components: `make workflows`. A test compares the folders with this.

    python workflows/generate.py [FOLDER]

writes them into FOLDER; without it to where they are checked in, and as archives that KNIME imports into out/knwf.
"""

import sys
from pathlib import Path

from layout import NUCLEI, at, note
from shared_components import COMPONENTS, EXAMPLE

from headless.backend import load_extension
from headless.packing import write_knwf
from headless.workflow_builder import build_component, build_workflow
from headless.workflow_template import NamedConnection, Template, TemplateNode

HERE = Path(__file__).resolve().parent

WRITE = {"folder": "output_folder"}

NUCLEI_IMAGES = {"Sample images: BBBC038 (CC0)": "https://bbbc.broadinstitute.org/BBBC038"}
STARDIST = {"StarDist: Schmidt et al., MICCAI 2018": "https://arxiv.org/abs/1806.03535"}

COUNT = Template(
    description=(
        "Count the nuclei in 6 images with a model that comes with the extension: nothing is trained. Look at the "
        "outlines in the view of the Segmentation Predictor before you believe a count.\n\nFor your own images enter "
        "their folder in the Microscopy Image Reader, and choose the model whose images are most like them. For a "
        "model of your own put a Model Reader in place of the Pretrained Segmentation Model. The sample images are "
        "from BBBC038 (CC0)."
    ),
    nodes=[
        TemplateNode(1, "MicroscopyImageReader", "6 images", at(0, 1), {"folder": "images"}),
        TemplateNode(2, "PretrainedSegmentationModel", "Knows nuclei", at(0, 0)),
        TemplateNode(3, "SegmentationPredictor", "Find the nuclei", at(1, 0.5)),
        TemplateNode(4, "InstanceCounter", "Count", at(2, 0)),
        TemplateNode(
            5,
            "SegmentationLabelWriter",
            "Keep labels and ROIs",
            at(2, 1),
            {"existing": "OVERWRITE", "formats": {"roi_zip": True}},
            uses=WRITE,
        ),
    ],
    connections=[
        (2, "Model", 3, "Model"),
        (1, "Images", 3, "Images"),
        (3, "Segmented images", 4, "Label images"),
        (3, "Segmented images", 5, "Label images"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Read</b></p><p>A model and images. Your own: enter their folder in the reader.</p>", 0, 1, 1),
        note("<p><b>2. Find</b></p><p>Look at the outlines in the view.</p>", 1, 1, 1),
        note(
            "<p><b>3. Count, keep</b></p><p>Tables of images and of nuclei; files for Fiji go to the folder of the "
            "variable output_folder.</p>",
            2,
            1,
            1,
        ),
    ],
    tags=["segmentation", "counting", "nuclei", "StarDist", "pretrained"],
    links=NUCLEI_IMAGES | STARDIST,
    author="Microseg",
)

TRAIN_AND_COUNT = Template(
    description=(
        "Train a model on 24 labelled images of nuclei, apply it to 8 others, count the nuclei, and compare with the "
        "truth.\n\nTo use it with your own images, enter their folders in the two Microscopy Image Readers: a folder "
        "with the sub-folders images and labels, with files of equal names. The sample images are from BBBC038 (CC0)."
    ),
    nodes=[
        TemplateNode(1, "MicroscopyImageReader", "24 images to learn from", at(0, 0), {"folder": "train"}),
        TemplateNode(2, "MicroscopyImageReader", "8 images to test on", at(0, 1), {"folder": "test"}),
        TemplateNode(3, "SegmentationLearner", "Train", at(1, 0)),
        TemplateNode(4, "SegmentationPredictor", "Find the nuclei", at(2, 1)),
        TemplateNode(5, "InstanceCounter", "Count", at(3, 0.3)),
        TemplateNode(
            6, "SegmentationLabelWriter", "Keep the labels", at(3, 2.3), {"existing": "OVERWRITE"}, uses=WRITE
        ),
        TemplateNode(7, "ModelWriter", "Keep the model", at(2, 0), {"existing": "OVERWRITE"}, uses=WRITE),
        TemplateNode(8, "SegmentationScorer", "Compare with the truth", at(3, 1.3)),
    ],
    connections=[
        (1, "Images", 3, "Labelled images"),
        (3, "Model", 4, "Model"),
        (2, "Images", 4, "Images"),
        (4, "Segmented images", 5, "Label images"),
        (4, "Segmented images", 6, "Label images"),
        (4, "Segmented images", 8, "Label images"),
        (3, "Model", 7, "Model"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Read</b></p><p>Images and their labels. Your own: enter a folder here.</p>", 0, 1, 2.3),
        note("<p><b>2. Train</b></p><p>Some minutes on a laptop. See the training curve in the view.</p>", 1, 1, 2.3),
        note("<p><b>3. Apply</b></p><p>To images that the model has not seen.</p>", 2, 1, 2.3),
        note(
            "<p><b>4. Count, score, keep</b></p><p>Results go to the folder of the variable output_folder.</p>",
            3,
            1,
            2.3,
        ),
    ],
    tags=["segmentation", "counting", "nuclei", "StarDist", "deep learning"],
    links=NUCLEI_IMAGES | STARDIST,
    author="Microseg",
)

LARGE = {"training": {"epochs": 12, "patch_size": 192}}

RETRAIN = Template(
    description=(
        "A model trained on nuclei of several kinds of images learns cells in phase contrast from 4 labelled images. "
        "Beside it the same training from random weights; both are scored on 4 other images.\n\nThe images are from "
        "Usiigaci (MIT licence), the model was trained on BBBC038 (CC0)."
    ),
    nodes=[
        TemplateNode(
            1,
            "PretrainedSegmentationModel",
            "Knows nuclei of several kinds",
            at(0, 0),
            {"model": "NUCLEI_ALL"},
        ),
        TemplateNode(2, "MicroscopyImageReader", "4 labelled images", at(0, 1), {"folder": "train"}),
        TemplateNode(3, "MicroscopyImageReader", "4 images to test on", at(0, 2), {"folder": "test"}),
        TemplateNode(4, "SegmentationRetrainer", "Retrain", at(1, 0), LARGE),
        TemplateNode(5, "SegmentationLearner", "From random weights", at(1, 1), LARGE),
        TemplateNode(6, "SegmentationPredictor", "Apply the retrained", at(2, 0.5), {"output_column": "Retrained"}),
        TemplateNode(
            7,
            "SegmentationPredictor",
            "Apply the other",
            at(3, 1),
            {"image_column": "Image", "output_column": "Random start"},
        ),
        TemplateNode(
            8,
            "SegmentationScorer",
            "Side by side",
            at(4, 0.5),
            {"truth_column": "Labels", "predicted_column": "Retrained", "second_column": "Random start"},
        ),
        TemplateNode(9, "InstanceCounter", "Count", at(4, 1.5), {"label_column": "Retrained"}),
        TemplateNode(10, "ModelWriter", "Keep the model", at(2, -0.5), {"existing": "OVERWRITE"}, uses=WRITE),
    ],
    connections=[
        (1, "Model", 4, "Model"),
        (2, "Images", 4, "Labelled images"),
        (2, "Images", 5, "Labelled images"),
        (4, "Model", 6, "Model"),
        (3, "Images", 6, "Images"),
        (5, "Model", 7, "Model"),
        (6, "Segmented images", 7, "Images"),
        (7, "Segmented images", 8, "Label images"),
        (7, "Segmented images", 9, "Label images"),
        (4, "Model", 10, "Model"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Read</b></p><p>A model of another kind of image, and four labelled images.</p>", 0, 1, 2),
        note("<p><b>2. Learn</b></p><p>Once from the model, once from nothing, with the same settings.</p>", 1, 1, 2),
        note("<p><b>3. Apply both</b></p><p>Each adds a column to the same table.</p>", 2, 2, 2),
        note("<p><b>4. Compare and count</b></p><p>The Scorer's view shows both curves.</p>", 4, 1, 2),
    ],
    tags=["segmentation", "transfer learning", "few images", "phase contrast"],
    links={"Sample images: Usiigaci (MIT)": "https://github.com/oist/Usiigaci"} | STARDIST,
    author="Microseg",
)

NARROW = {"model": {"base": 16}}

SHORT = {"training": {"epochs": 8}}


def transfer(first: int, row: int, known: str, new: str) -> tuple[list[TemplateNode], list[NamedConnection]]:
    """Nodes and connections of one direction: many images at the level of light `known`, four at the level `new`.

    Nodes are numbered from `first`, and lie in three rows from `row`. Both are constants of the simulator's levels.
    """
    many, few, test, knows, retrain, random, retrained, started, scorer = range(first, first + 9)
    before, after = (level.lower().replace("_", " ") + " light" for level in (known, new))

    def simulator(number: int, label: str, below: int, images: int, level: str, seed: int) -> TemplateNode:
        settings = {"images": images, "light": {"level": level}, "seed": seed, **NUCLEI}
        return TemplateNode(number, "NucleiSimulator", label, at(0, row + below), settings)

    nodes = [
        simulator(many, f"24 images in {before}", 0, 24, known, 1),
        simulator(few, f"4 images in {after}", 1, 4, new, 2),
        simulator(test, f"8 to test on in {after}", 2, 8, new, 3),
        TemplateNode(knows, "SegmentationLearner", f"Knows {before}", at(1, row), NARROW | SHORT),
        TemplateNode(retrain, "SegmentationRetrainer", "Retrain", at(2, row), SHORT),
        TemplateNode(random, "SegmentationLearner", "From random weights", at(2, row + 1), NARROW | SHORT),
        TemplateNode(
            retrained, "SegmentationPredictor", "Apply the retrained", at(3, row), {"output_column": "Retrained"}
        ),
        TemplateNode(
            started,
            "SegmentationPredictor",
            "Apply the other",
            at(4, row + 1),
            {"image_column": "Image", "output_column": "Random start"},
        ),
        TemplateNode(
            scorer,
            "SegmentationScorer",
            f"Side by side in {after}",
            at(5, row + 0.5),
            {"truth_column": "Labels", "predicted_column": "Retrained", "second_column": "Random start"},
        ),
    ]
    connections = [
        (many, "Images", knows, "Labelled images"),
        (knows, "Model", retrain, "Model"),
        (few, "Images", retrain, "Labelled images"),
        (few, "Images", random, "Labelled images"),
        (retrain, "Model", retrained, "Model"),
        (test, "Images", retrained, "Images"),
        (random, "Model", started, "Model"),
        (retrained, "Segmented images", started, "Images"),
        (started, "Segmented images", scorer, "Label images"),
    ]
    return nodes, connections


DARKER, BRIGHTER = transfer(1, 0, "HIGH", "VERY_LOW"), transfer(10, 3, "VERY_LOW", "HIGH")

NOISE = Template(
    description=(
        "A model trained on images with much light learns images with little light, that is much noise, from 4 of "
        "them; below, the way back. Beside each the same training from random weights; both are scored on 8 other "
        "images.\n\nNo data are needed: images and labels are simulated. Choose other objects and levels of light in "
        "the Nuclei Simulators; the same seed gives the same nuclei at every level."
    ),
    nodes=[*DARKER[0], *BRIGHTER[0]],
    connections=[*DARKER[1], *BRIGHTER[1]],
    notes=[
        note("<p><b>1. Simulate</b></p><p>The three tables have different seeds: different nuclei.</p>", 0, 1, 5),
        note("<p><b>2. Learn the one light</b></p><p>From 24 images.</p>", 1, 1, 5),
        note("<p><b>3. Learn the other</b></p><p>From 4 images, once from the model, once from nothing.</p>", 2, 1, 5),
        note("<p><b>4. Apply both</b></p><p>Each adds a column to the same table.</p>", 3, 2, 5),
        note("<p><b>5. Compare</b></p><p>Above: from much light to little. Below: the way back.</p>", 5, 1, 5),
    ],
    tags=["segmentation", "transfer learning", "simulation", "noise", "few images"],
    links=STARDIST,
    author="Microseg",
)

LARGE_IMAGE = Template(
    description=(
        "Count the nuclei of a large image twice: tile by tile through nodes that take any table of images, and at "
        "once with the Large Image Predictor, which needs no more memory for a whole slide. Both counts end up in one "
        "row.\n\nFor your own image enter its file in the Large Image Tiler: tiled or pyramidal TIFF, SVS, OME-Zarr. "
        "The sample is 20 fields of BBBC038 (CC0) side by side."
    ),
    nodes=[
        TemplateNode(1, "LargeImageTiler", "Cut into tiles", at(0, 1), {"file": "mosaic.ome.tif"}),
        TemplateNode(2, "PretrainedSegmentationModel", "Knows nuclei", at(0, 0), {"model": "NUCLEI_FLUORESCENCE"}),
        TemplateNode(3, "SegmentationPredictor", "Find the nuclei of every tile", at(1, 1)),
        TemplateNode(4, "TileMerger", "Make one image of the tiles", at(2, 1)),
        TemplateNode(5, "InstanceCounter", "Count", at(3, 1)),
        TemplateNode(
            6,
            "LargeImagePredictor",
            "All in one, and compare",
            at(4, 0),
            {"level": 0},
            uses={"output": "output_folder"},
        ),
    ],
    connections=[
        (1, "Tiles", 3, "Images"),
        (2, "Model", 3, "Model"),
        (3, "Segmented images", 4, "Tiles"),
        (4, "Label images", 5, "Label images"),
        (2, "Model", 6, "Model"),
        (5, "Counts", 6, "Files"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Cut</b></p><p>Tiles overlap by more than the largest nucleus.</p>", 0, 1, 1),
        note("<p><b>2. Find</b></p><p>Any node for images could stand here.</p>", 1, 1, 1),
        note("<p><b>3. Join</b></p><p>Every nucleus is there once, also where tiles meet.</p>", 2, 1, 1),
        note("<p><b>4. Count</b></p><p>Per image; the path of the image travels along.</p>", 3, 1, 1),
        note(
            "<p><b>5. All in one</b></p><p>Count is that of the tiles, Count (#1) that of this node. Its view pans and "
            "zooms; labels, objects and a page for browsers are in the folder of the variable output_folder.</p>",
            4,
            1,
            1,
        ),
    ],
    tags=["segmentation", "counting", "nuclei", "whole slide", "large image", "OME-Zarr", "tiles"],
    links=NUCLEI_IMAGES | {"OME-Zarr": "https://ngff.openmicroscopy.org"},
    author="Microseg",
)

EM_NETWORK = {"network": "EFFICIENTNET_LITE0", "encoder_weights": "IMAGENET", "base": 8, "depth": 4}

EM_USUAL = {"model": {"head": "FOREGROUND", "grid": 1, **EM_NETWORK}}

EM_TRAINING = {"training": {"epochs": 8, "batch_size": 8, "patch_size": 96, "learning_rate": 0.002}}

ADAPT = Template(
    description=(
        "Mitochondria are labelled in images of one electron microscope, and wanted in images of another, of which "
        "there are no labels, and whose pixels are half as wide. The Domain Gap Report says how the images differ; the "
        "Domain Adaptation Learner brings them to one pixel size, tries out five strategies, and keeps the model whose "
        "mitochondria look most like the labelled ones. Beside it a usual training; both are compared with labels of "
        "the second microscope, which no other node looks at."
        "\n\nThe images are crops of one stack (Gerhard et al. 2013, CC BY-NC-SA 3.0: not for commercial use); the "
        "second microscope is simulated, because no second set of images may be passed on. For your own images enter "
        "their folders in the two Microscopy Image Readers; labels in the second folder are not needed, and without "
        "them the Segmentation Scorer is left out."
    ),
    nodes=[
        TemplateNode(1, "MicroscopyImageReader", "Labelled images", at(0, 0), {"folder": "source"}),
        TemplateNode(2, "MicroscopyImageReader", "The new microscope", at(0, 1), {"folder": "target"}),
        TemplateNode(3, "DomainGapReport", "How do they differ?", at(1, 2.4)),
        TemplateNode(
            4,
            "DomainAdaptationLearner",
            "Adapt",
            at(1, 0),
            {"model": EM_NETWORK, "missing": "SKIP", **EM_TRAINING},
        ),
        TemplateNode(5, "SegmentationLearner", "A usual training", at(1, 1.3), EM_USUAL | EM_TRAINING),
        TemplateNode(
            6,
            "SegmentationPredictor",
            "Apply the adapted",
            at(2, 0),
            {"output_column": "Adapted", "image_column": "Image"},
        ),
        TemplateNode(
            7, "SegmentationPredictor", "Apply the usual", at(3, 1), {"output_column": "Usual", "image_column": "Image"}
        ),
        TemplateNode(
            8,
            "SegmentationScorer",
            "Compare with labels",
            at(4, 0.5),
            {"truth_column": "Labels", "predicted_column": "Adapted", "second_column": "Usual"},
        ),
        TemplateNode(
            9,
            "InstanceCounter",
            "Count",
            at(4, 1.5),
            {"label_column": "Adapted", "limits": {"unit": "MICROMETRES", "smallest": 0.005}},
        ),
        TemplateNode(10, "ModelWriter", "Keep the model", at(2, 2.4), {"existing": "OVERWRITE"}, uses=WRITE),
    ],
    connections=[
        (1, "Images", 3, "Source images"),
        (2, "Images", 3, "Target images"),
        (1, "Images", 4, "Labelled images"),
        (2, "Images", 4, "Target images"),
        (1, "Images", 5, "Labelled images"),
        (4, "Model", 6, "Model"),
        (2, "Images", 6, "Images"),
        (5, "Model", 7, "Model"),
        (6, "Segmented images", 7, "Images"),
        (7, "Segmented images", 8, "Label images"),
        (7, "Segmented images", 9, "Label images"),
        (4, "Model", 10, "Model"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Read</b></p><p>Images with labels, and images of another microscope.</p>", 0, 1, 2.4),
        note("<p><b>2. Compare, learn</b></p><p>Labels of the second kind are not looked at.</p>", 1, 1, 2.4),
        note("<p><b>3. Apply both</b></p><p>Each adds a column to the same table.</p>", 2, 2, 2.4),
        note(
            "<p><b>4. Score, count</b></p><p>Labels are used only here. Objects below 0.005 µm² are not counted.</p>",
            4,
            1,
            2.4,
        ),
    ],
    tags=["segmentation", "domain adaptation", "electron microscopy", "mitochondria", "without labels"],
    links={
        "Sample images: Gerhard et al. 2013 (CC BY-NC-SA 3.0)": "https://doi.org/10.6084/m9.figshare.856713.v1",
        "Franco-Barranco et al. 2022": "https://doi.org/10.1016/j.cmpb.2022.106949",
    },
    author="Microseg",
)

GROUPED = {"gap": 3.0, "smallest": 40.0}

JUNCTIONS = Template(
    description=(
        "Count neuromuscular junctions in images of two animals. A network first learns from images without labels to "
        "tell magnifications apart, and makes a first guess of where junctions are: a count before a single label is "
        "drawn. Then it learns from 6 labelled fields of one animal, and counts the "
        "junctions of both, with an estimate of how sure the count is; plaques that are at most 3 µm apart are one "
        "junction. The images that it is least sure of are written with their labels, to be corrected in Fiji and read "
        "back.\n\nFor your own images enter their folders in the three Microscopy Image Readers, with a sub-folder for "
        "each animal where counts are to be compared; labels of the "
        "images to be counted are not needed, and without them the Segmentation Scorer is left out. The fields are "
        "composed of single junctions (Boehm et al. 2020, CC BY 4.0), so that their number is known; see the file "
        "README in the folder of the data."
    ),
    nodes=[
        TemplateNode(
            1,
            "MicroscopyImageReader",
            "Images without labels",
            at(0, 0),
            {"folder": "unlabelled", "recursive": True, "previews": False},
        ),
        TemplateNode(2, "MicroscopyImageReader", "A few labelled fields", at(0, 1), {"folder": "labelled"}),
        TemplateNode(
            3, "MicroscopyImageReader", "Fields to count", at(0, 2), {"folder": "fields/images", "recursive": True}
        ),
        TemplateNode(
            4,
            "SelfSupervisedPretrainer",
            "Tell magnifications apart",
            at(1, 0),
            {
                "task": "MAGNIFICATION",
                "scales": "1, 4",
                "coverage": 0.08,
                "network": {"base": 16},
                "training": {"epochs": 30, "batch_size": 8, "patch_size": 64, "learning_rate": 0.003},
            },
        ),
        TemplateNode(
            5,
            "SegmentationLearner",
            "Learn from labels",
            at(2, 1),
            {
                "model": {"head": "DISTANCE", "grid": 1},
                "training": {"epochs": 10, "patch_size": 128, "augmentation": "SHAPE"},
            },
        ),
        TemplateNode(
            6,
            "SegmentationPredictor",
            "First guess, without labels",
            at(2, 2),
            {"image_column": "Image", "output_column": "Guessed fragments", "previews": False},
        ),
        TemplateNode(
            7,
            "FragmentGrouper",
            "Fragments to junctions",
            at(3, 2),
            {**GROUPED, "label_column": "Guessed fragments", "output_column": "Guess", "previews": False},
        ),
        TemplateNode(
            8,
            "SegmentationPredictor",
            "Find the plaques",
            at(4, 1.5),
            {
                "image_column": "Image",
                "output_column": "Plaques",
                "uncertainty": True,
                "thresholds": {"source": "MANUAL", "probability": 0.8},
            },
        ),
        TemplateNode(
            9,
            "FragmentGrouper",
            "Plaques to junctions",
            at(5, 1.5),
            {**GROUPED, "label_column": "Plaques", "output_column": "Junctions"},
        ),
        TemplateNode(
            10,
            "InstanceCounter",
            "Count by animal",
            at(6, 0.4),
            {"label_column": "Junctions", "group_column": "Group"},
        ),
        TemplateNode(
            11,
            "SegmentationScorer",
            "Compare with the truth",
            at(6, 1.5),
            {"truth_column": "Labels", "predicted_column": "Junctions", "second_column": "Guess"},
        ),
        TemplateNode(
            12,
            "SegmentationLabelWriter",
            "Least certain images, to correct",
            at(6, 2.6),
            {
                "label_column": "Junctions",
                "name_column": "Name",
                "existing": "OVERWRITE",
                "image_column": "Image",
                "formats": {"ome_tiff": False, "roi_zip": True},
                "selection": {"which": "LEAST_CERTAIN", "most": 3, "column": "Object agreement"},
            },
            uses=WRITE,
        ),
        TemplateNode(13, "ModelWriter", "Keep the model", at(3, 0.4), {"existing": "OVERWRITE"}, uses=WRITE),
    ],
    connections=[
        (1, "Images", 4, "Images 1"),
        (4, "Model", 5, "Start from"),
        (2, "Images", 5, "Labelled images"),
        (4, "Model", 6, "Model"),
        (3, "Images", 6, "Images"),
        (6, "Segmented images", 7, "Label images"),
        (5, "Model", 8, "Model"),
        (7, "Grouped objects", 8, "Images"),
        (8, "Segmented images", 9, "Label images"),
        (9, "Grouped objects", 10, "Label images"),
        (9, "Grouped objects", 11, "Label images"),
        (9, "Grouped objects", 12, "Label images"),
        (5, "Model", 13, "Model"),
    ],
    variables={"output_folder": "results"},
    notes=[
        note("<p><b>1. Read</b></p><p>Images with and without labels, and those to be counted.</p>", 0, 1, 2.6),
        note("<p><b>2. Pretrain</b></p><p>On images without labels. Some minutes.</p>", 1, 1, 2.6),
        note(
            "<p><b>3. First guess, labels</b></p><p>Below: objects before any label is drawn. They are guesses. Above: "
            "the same network learns from labels.</p>",
            2,
            2,
            2.6,
        ),
        note(
            "<p><b>4. Find</b></p><p>With how sure the count is. Plaques up to 3 µm apart become one junction; what is "
            "then below 40 µm² is none.</p>",
            4,
            2,
            2.6,
        ),
        note(
            "<p><b>5. Count, score, correct</b></p><p>Correct what is written in Fiji, put it into the folder of "
            "labelled fields, and run again.</p>",
            6,
            1,
            2.6,
        ),
    ],
    tags=[
        "segmentation",
        "counting",
        "neuromuscular junction",
        "self-supervised",
        "few images",
        "without labels",
        "uncertainty",
    ],
    links={
        "Sample images: Boehm et al. 2020 (CC BY 4.0)": "https://doi.org/10.1111/joa.13260",
        "Sahasrabudhe et al. 2020": "https://doi.org/10.1007/978-3-030-59722-1_38",
    },
    author="Microseg",
)

TEMPLATES = {
    "00_Count_with_a_pretrained_model": COUNT,
    "01_Train_and_count_nuclei": TRAIN_AND_COUNT,
    "02_Retrain_with_four_images": RETRAIN,
    "03_Transfer_between_noise_levels": NOISE,
    "04_Count_a_large_image": LARGE_IMAGE,
    "05_Adapt_EM_mitochondria_to_a_new_microscope": ADAPT,
    "06_Count_neuromuscular_junctions": JUNCTIONS,
}


def main(folder: Path) -> None:
    """Write every template into a folder of its name, the components into a folder with their example."""
    extension = load_extension(HERE.parent)
    for name, template in TEMPLATES.items():
        build_workflow(folder / name, extension, template)
    for component in COMPONENTS:
        build_component(folder / "components" / component.name, extension, component)
    build_workflow(folder / "components" / "Example", extension, EXAMPLE)


def pack(folder: Path, out: Path) -> None:
    """Write one archive per template, with its sample data, and one with the components and their example."""
    out.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        write_knwf(folder / name, out / f"{name}.knwf")
    write_knwf(folder / "components", out / "components.knar")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    if len(sys.argv) == 1:
        pack(HERE, HERE.parent / "out" / "knwf")
