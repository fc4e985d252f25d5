"""What KNIME imports: the category in the node repository, then the nodes."""

import logging

import knime.extension as knext

# KNIME asks every library for all of its messages and passes them on one by one: tens of thousands while Numba compiles
for library in ("PIL", "asyncio", "distributed", "numba", "numcodecs", "zarr"):
    logging.getLogger(library).setLevel(logging.WARNING)

knext.category(
    path="/community",
    level_id="microseg",
    name="Microseg",
    description="Find, count and measure the objects in microscopy images with networks that learn from yours.",
    icon="icons/category.png",
)

from nodes import (  # noqa: E402  the category comes before the nodes that are in it
    adaptation_learner,
    advisor,
    counter,
    fragment_grouper,
    gap_report,
    image_reader,
    label_writer,
    large_predictor,
    learner,
    merger,
    model_reader,
    model_writer,
    predictor,
    pretrained,
    pretrainer,
    retrainer,
    scorer,
    simulator,
    style_learner,
    style_transfer,
    tiler,
)

__all__ = [
    "adaptation_learner",
    "advisor",
    "counter",
    "fragment_grouper",
    "gap_report",
    "image_reader",
    "label_writer",
    "large_predictor",
    "learner",
    "merger",
    "model_reader",
    "model_writer",
    "predictor",
    "pretrained",
    "pretrainer",
    "retrainer",
    "scorer",
    "simulator",
    "style_learner",
    "style_transfer",
    "tiler",
]
