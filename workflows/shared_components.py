"""The shared components, and a workflow that uses them. Their ports, and ids and names of entries are for ever."""

from pathlib import Path

from layout import NUCLEI, at, note

from headless.workflow_template import INPUT, OUTPUT, Component, Entry, Template, TemplateComponent, TemplateNode

ICONS = Path(__file__).resolve().parents[1] / "icons"
GUIDE = {"KNIME Components Guide": "https://docs.knime.com/latest/analytics_platform_components_guide/"}

TRAIN_AND_VALIDATE = Component(
    name="Train and validate",
    description=(
        "Trains a model on labelled images and says how well it finds the objects of other images.\n\nBoth tables are "
        "such as a Microscopy Image Reader makes when it reads images and their labels. The images to test on must not "
        "be among those to learn from, or the scores are too good."
    ),
    nodes=[
        TemplateNode(
            3,
            "SegmentationLearner",
            "Train",
            at(1, 1),
            uses={"model/head": "objects", "training/epochs": "epochs", "training/patch_size": "patch-size"},
        ),
        TemplateNode(4, "SegmentationPredictor", "Find the objects of the test images", at(2, 1.5)),
        TemplateNode(5, "SegmentationScorer", "Compare with their labels", at(3, 1.5)),
    ],
    connections=[
        (INPUT, "Labelled images", 3, "Labelled images"),
        (3, "Model", 4, "Model"),
        (INPUT, "Images to test on", 4, "Images"),
        (4, "Segmented images", 5, "Label images"),
        (3, "Model", OUTPUT, "Model"),
        (5, "Scores", OUTPUT, "Scores"),
        (5, "Summary", OUTPUT, "Summary"),
    ],
    inputs={
        "Labelled images": "Images to learn from, with their labels.",
        "Images to test on": "Other images of the same kind, with their labels.",
    },
    outputs={
        "Model": "The trained model.",
        "Scores": "One row per image to test on: how many objects were drawn and found, AP, F1, PQ and more.",
        "Summary": "One row: the same over all images to test on.",
    },
    dialog=[
        Entry(
            11,
            "objects",
            "Objects",
            "STARDIST for round objects that touch, such as nuclei; FOREGROUND for objects of any shape that rarely "
            "touch; DISTANCE for small, clustered or irregular ones.",
            "STARDIST",
            choices=["STARDIST", "FOREGROUND", "DISTANCE"],
        ),
        Entry(
            12,
            "epochs",
            "Epochs",
            "Rounds of training, 1 or more. More is slower and better, up to a point that the training curve shows.",
            32,
            minimum=1,
            maximum=100_000,
        ),
        Entry(
            13,
            "patch-size",
            "Patch size (pixels)",
            "Side of the squares that the model learns from, 32 to 2048. It should hold a few objects.",
            128,
            minimum=32,
            maximum=2048,
        ),
    ],
    kind="Learner",
    icon=(ICONS / "learner.png").read_bytes(),
    notes=[
        note("<p><b>1. Train</b></p><p>The dialog sets the Learner. Some images are held back inside.</p>", 1, 1, 2),
        note("<p><b>2. Apply</b></p><p>To images that the model has not seen.</p>", 2, 1, 2),
        note("<p><b>3. Score</b></p><p>What was found beside what was drawn.</p>", 3, 1, 2),
    ],
    tags=["segmentation", "training", "validation", "StarDist", "deep learning"],
    links=GUIDE,
    author="Microseg",
)

SEGMENT_AND_COUNT = Component(
    name="Segment and count",
    description=(
        "Finds the objects of images with a model, counts and measures them.\n\nThe model comes from a Segmentation "
        "Learner or Retrainer, a Model Reader, a Pretrained Segmentation Model or the component Train and validate."
    ),
    nodes=[
        TemplateNode(
            3,
            "SegmentationPredictor",
            "Find the objects",
            at(1, 1),
            uses={"thresholds/source": "thresholds", "thresholds/probability": "probability"},
        ),
        TemplateNode(
            4,
            "InstanceCounter",
            "Count and measure",
            at(2, 1.5),
            uses={"limits/smallest": "smallest-area", "limits/unit": "area-unit", "limits/edge": "edge"},
        ),
    ],
    connections=[
        (INPUT, "Model", 3, "Model"),
        (INPUT, "Images", 3, "Images"),
        (3, "Segmented images", 4, "Label images"),
        (3, "Segmented images", OUTPUT, "Label images"),
        (4, "Counts", OUTPUT, "Counts"),
        (4, "Objects", OUTPUT, "Objects"),
    ],
    inputs={"Model": "A trained model.", "Images": "Images of the kind that the model was trained on."},
    outputs={
        "Label images": "The images with their objects, each with its own number, and a picture of the outlines.",
        "Counts": "One row per image: how many objects, how dense, how large.",
        "Objects": "One row per object: where it is, and how large.",
    },
    dialog=[
        Entry(
            11,
            "thresholds",
            "Thresholds from",
            "MODEL: as fitted in training. MANUAL: the probability below, and an overlap of two objects up to 0.4.",
            "MODEL",
            choices=["MODEL", "MANUAL"],
        ),
        Entry(
            12,
            "probability",
            "Probability",
            "With MANUAL: from which probability on there is an object, 0 to 1. Lower finds more objects.",
            0.5,
            minimum=0.0,
            maximum=1.0,
        ),
        Entry(13, "smallest-area", "Smallest area", "Smaller objects are left out; 0 is no limit.", 0.0, minimum=0.0),
        Entry(
            14,
            "area-unit",
            "Unit of the smallest area",
            "PIXELS, or MICROMETRES for µm²: then every image must have a pixel size.",
            "PIXELS",
            choices=["PIXELS", "MICROMETRES"],
        ),
        Entry(
            15,
            "edge",
            "Objects at the edge",
            "What to do with objects that the image cuts off. ALL counts them, EXCLUDE leaves them out, HALF counts "
            "them as a half.",
            "ALL",
            choices=["ALL", "EXCLUDE", "HALF"],
        ),
    ],
    kind="Predictor",
    icon=(ICONS / "counter.png").read_bytes(),
    notes=[
        note("<p><b>1. Find</b></p><p>The dialog sets how sure the model must be.</p>", 1, 1, 2),
        note("<p><b>2. Count</b></p><p>The dialog sets which objects count.</p>", 2, 1, 2),
    ],
    tags=["segmentation", "counting", "measuring"],
    links=GUIDE,
    author="Microseg",
)

COMPONENTS = (TRAIN_AND_VALIDATE, SEGMENT_AND_COUNT)


def _images(number: int, label: str, row: float, images: int) -> TemplateNode:
    """Simulated nuclei; each number gives different ones."""
    return TemplateNode(number, "NucleiSimulator", label, at(0, row), {"images": images, "seed": number, **NUCLEI})


EXAMPLE = Template(
    description=(
        "The two components in use: one trains and says how well the model works, the other counts with it. Their "
        "dialogs hold what matters.\n\nNo data are needed: images and "
        "labels are simulated. For your own, put Microscopy Image Readers in place of the simulators."
    ),
    nodes=[
        _images(1, "24 images to learn from", 0, 24),
        _images(2, "8 images to test on", 1, 8),
        _images(3, "8 images to count", 2, 8),
        TemplateComponent(4, TRAIN_AND_VALIDATE, "Learn, and see how well", at(1, 0.5), {"epochs": 8}),
        TemplateComponent(5, SEGMENT_AND_COUNT, "Count with the model", at(2, 1.5), {"edge": "HALF"}),
    ],
    connections=[
        (1, "Images", 4, "Labelled images"),
        (2, "Images", 4, "Images to test on"),
        (4, "Model", 5, "Model"),
        (3, "Images", 5, "Images"),
    ],
    notes=[
        note("<p><b>1. Simulate</b></p><p>The three tables have different seeds: different nuclei.</p>", 0, 1, 2),
        note("<p><b>2. Train and validate</b></p><p>Its outputs: the model, scores, their summary.</p>", 1, 1, 2),
        note("<p><b>3. Segment and count</b></p><p>Its outputs: label images, counts, objects.</p>", 2, 1, 2),
    ],
    tags=["segmentation", "counting", "components", "simulation"],
    links=GUIDE,
    author="Microseg",
)
