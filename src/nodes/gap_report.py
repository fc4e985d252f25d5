"""Domain Gap Report."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import rows, small_table
from nodes.columns import IMAGE, PREDICTED, find_column, is_image
from nodes.examples import LABEL_NAMES
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY
from nodes.views.gap import Patch, gap_view, patch_of

if TYPE_CHECKING:
    from core.adaptation.gap.measures import ImageMeasures
    from core.adaptation.gap.report import Report
    from core.progress import Progress

SETS = ("Source", "Target")

MEASURES = (
    ("Measure", knext.string),
    ("Channel", knext.string),
    ("Source", knext.double),
    ("Target", knext.double),
    ("Difference", knext.double),
    ("Unit", knext.string),
    ("Gap", knext.bool_),
    ("Remark", knext.string),
)

IMAGES = (
    ("Set", knext.string),
    ("Image", knext.string),
    ("Channel", knext.string),
    ("Mean", knext.double),
    ("Standard deviation", knext.double),
    ("Saturated pixels (%)", knext.double),
    ("Noise (%)", knext.double),
    ("Edge width (pixels)", knext.double),
    ("Skewness", knext.double),
    ("Padding (%)", knext.double),
    ("Pixel size (µm)", knext.double),
    ("Remark", knext.string),
)

SHOWN = 3
"""So many images of each kind are shown."""


@knext.node(
    "Domain Gap Report",
    knext.NodeType.VISUALIZER,
    "icons/gap_report.png",
    CATEGORY,
    id="DomainGapReport",
    keywords=["domain shift", "domain adaptation", "compare", "noise", "sharpness", "histogram", "magnification", "EM"],
)
@knext.input_table(
    "Source images", "Images of the kind that a model knows, or that have labels; labels are not looked at."
)
@knext.input_table("Target images", "Images of the other kind, with as many channels.")
@knext.output_table(
    "Measures",
    "One row per measure, and channel where there are several: *Measure*, *Channel*, *Source*, *Target* (means over "
    "the images), *Difference* (target less source; of a magnification target over source, of a histogram distance the "
    "distance), *Unit*, *Gap* (whether the difference counts as one), *Remark*.",
)
@knext.output_table(
    "Images",
    "One row per image, and channel where there are several: *Set* (source or target), *Image* (row ID), *Channel*, "
    "*Mean*, *Standard deviation*, *Saturated pixels (%)*, *Noise (%)*, *Edge width (pixels)*, *Skewness*, "
    "*Padding (%)*, *Pixel size (µm)*, *Remark* (what is odd about the image).",
)
@knext.output_view(
    "Domain gap", "What to do, the histograms and power spectra of both kinds, and examples side by side."
)
class DomainGapReport:
    """Tells how images of two kinds differ, and what to do about it.

    Use it when a model that works well on one kind of images (the source) is wanted for another (the target): another
    microscope, another stain, another laboratory. It needs no labels and trains nothing. To learn how much worse a
    model really is, you need a few labels of the target, and the *Segmentation Scorer*.

    - **Grey values**: mean, spread, percentiles, saturated pixels, bits in use, and the distance of the histograms
      (Wasserstein) before and after the normalisation that every model does with every image. What remains after it is
      what normalisation cannot remove.
    - **Noise** is the standard deviation of the grain, in percent of the contrast (percentiles 1 to 99.8).
    - **Edge width** is how far the clearest edges are blurred, in pixels: the smaller, the sharper.
    - **Skewness** of the grey values: above 0 what is bright is rare, below 0 what is dark is rare.
    - **Magnification**: how many times as large structures are in the target, by the pixel sizes of both tables, and
      estimated from the sizes of structures. The estimate comes with an interval, and never replaces pixel sizes.

    A difference counts as a gap when it is larger than what chance makes of so many images and than a limit: histograms
    6 % of the contrast apart and half as far again as halves of one table; noise 1.5 times as strong; edges 1.3 times
    as wide; sizes 1.25 times as large; a skewness of the other sign, 0.3 at least. The view begins with what to do.

    Padding (zeros around an image that end abruptly) is left out. Of a Z-stack four slices are measured. Images and
    slices that are the same everywhere are left out and named, as are images that are far from the others of their
    table.

    **Example:** the source are the fluorescence images of nuclei that test template 01, the target the phase-contrast
    images of template 02. Noise is alike, 0.7 % of the contrast. Edges are 1.5 and 0.5 pixels wide, and the histograms
    are 20 % of the contrast apart after normalisation: both are gaps. The report advises to match histograms and
    styles, and, as the gap is large, to adapt a model. Structures are estimated to be 2.5 times as large (between 1.8
    and 5.2): no pixel size is known, and whole cells are indeed larger than nuclei.

    **Limits:** it sees how images look, not what they show: kinds without a gap can still need retraining. The noise of
    compressed or enlarged images is underestimated. The magnification can be estimated only where structures have a
    typical size, as nuclei have: source and target are first compared with themselves at 0.6 of their size, and where
    this known factor is missed by more than 1.19 times, the report says that it cannot be told. This is usual for
    electron micrographs, which are full of structures of all sizes. It needs three images of each kind. A table of one
    image has no spread: every difference above the limits counts.

    **Literature:**

    - [Immerkaer 1996](https://doi.org/10.1006/cviu.1996.0060), Fast noise variance estimation, Computer Vision and
      Image Understanding.
    - [Zhuo and Sim 2011](https://doi.org/10.1016/j.patcog.2011.03.009), Defocus map estimation from a single image,
      Pattern Recognition (edge width).
    - [Maragos 1989](https://doi.org/10.1109/34.192465), Pattern spectrum and multiscale shape representation, IEEE
      Transactions on Pattern Analysis and Machine Intelligence (sizes of structures).
    """

    source_column = knext.ColumnParameter("Source image column", "Images of the first table.", 0, is_image)
    target_column = knext.ColumnParameter("Target image column", "Images of the second table.", 1, is_image)
    most_images = knext.IntParameter(
        "Images of each table (at most)",
        "So many images of each table are measured, evenly spread over it, 1 to 10,000; about half a second each.",
        30,
        min_value=1,
        max_value=10_000,
    )

    def configure(self, ctx: Any, source: Any, target: Any) -> Any:
        """Columns are always the same."""
        self.source_column, self.target_column = self._image_columns(source, target)
        return tuple(knext.Schema.from_columns(_columns(names)) for names in (MEASURES, IMAGES))

    def execute(self, ctx: Any, source: Any, target: Any) -> Any:
        """Measures image after image, then compares."""
        with plain_errors():
            from core.adaptation.gap.advice import advise
            from core.adaptation.gap.report import compare

            progress = progress_of(ctx)
            columns = self._image_columns(source.schema, target.schema)
            measured: list[list[ImageMeasures]] = []
            patches: list[list[Patch]] = []
            warnings: list[str] = []
            for number, (table, column) in enumerate(zip((source, target), columns, strict=True)):
                part = progress.part(0.45 * number, 0.45 * (number + 1))
                images, shown, notes = self._measured(table, column, f"{SETS[number]} images", part)
                measured.append(images)
                patches.append(shown)
                warnings += notes
            report = compare(measured[0], measured[1], progress.part(0.9, 1.0))
            advice = advise(report)
            warn(ctx, [*warnings, *_odd(report)])
            lines = [_values(line) for line in report.lines]
            names = [f"{line.measure} {line.channel}".strip() for line in report.lines]
            ids, each = _image_lines(measured, report)
            return (
                small_table(_columns(MEASURES), names, list(zip(*lines, strict=True))),
                small_table(_columns(IMAGES), ids, list(zip(*each, strict=True))),
                gap_view(report, advice, measured, patches),
            )

    def _image_columns(self, source: Any, target: Any) -> tuple[str, str]:
        avoid = (*LABEL_NAMES, PREDICTED)
        first = find_column(source, self.source_column, "source image column", preferred=(IMAGE,), avoid=avoid)
        return first, find_column(target, self.target_column, "target image column", preferred=(IMAGE,), avoid=avoid)

    def _measured(
        self, table: Any, column: str, name: str, progress: "Progress"
    ) -> "tuple[list[ImageMeasures], list[Patch], list[str]]":
        """Measures of the images of a table, a few patches to show, and warnings."""
        from core.adaptation.gap.measures import measure
        from core.errors import UserInputError

        total = table.num_rows
        every = max(1.0, total / self.most_images)
        chosen = {int(i * every) for i in range(min(total, self.most_images))}
        images: list[ImageMeasures] = []
        patches: list[Patch] = []
        missing: list[str] = []
        for number, row in enumerate(rows(table)):
            progress.step(number / max(1, total), f"{name}: {row.id} ({number + 1} of {total})")
            if number not in chosen:
                continue
            try:
                image = row.unlabelled(column)
                if image is None:
                    missing.append(row.id)
                    continue
                part = progress.part(number / total, (number + 1) / total)
                images.append(replace(measure(image, str(row), part), name=row.id))
            except UserInputError as error:
                raise error.at(name) from None
            if images[-1].channels and len(patches) < SHOWN:
                patches.append(patch_of(image, row.id))
        warnings = []
        if missing:
            warnings.append(f"{name}: {amount(len(missing), 'row')} without an image left out: {listed(missing)}.")
        if len(chosen) < total:
            warnings.append(f"{name}: {len(chosen)} of {amount(total, 'row')} were measured, evenly spread.")
        return images, patches, warnings


def _columns(names: Any) -> list[Any]:
    return [knext.Column(kind(), name) for name, kind in names]


def _values(line: Any) -> list[Any]:
    """A line of the report as cells of `MEASURES`."""
    return [
        line.measure,
        line.channel or None,
        line.source,
        line.target,
        line.difference,
        line.unit or None,
        line.gap,
        line.remark or None,
    ]


def _odd(report: "Report") -> list[str]:
    """What is odd about images, as warnings."""
    return [
        f"{name} images, row {image!r}: {words}"
        for name, of in zip(SETS, report.odd, strict=True)
        for image, words in of.items()
    ]


def _image_lines(measured: "list[list[ImageMeasures]]", report: "Report") -> tuple[list[str], list[list[Any]]]:
    """Row IDs and cells of `IMAGES`."""
    from core.adaptation.gap.report import OF

    columns = [OF[name.split(" (")[0]][0] for name, _ in IMAGES[3:9]]
    ids, lines = [], []
    for name, images, odd in zip(SETS, measured, report.odd, strict=True):
        for one in images:
            channels = one.channels or (None,)
            for number, channel in enumerate(channels):
                label = ""
                if len(channels) > 1:
                    label = one.channel_names[number] if one.channel_names else f"Channel {number + 1}"
                measures: list[float | None] = [None] * 6
                if channel:
                    measures = [value(channel) for value in columns]
                ids.append(" / ".join(part for part in (name, one.name, label) if part))
                shown = [100 * one.padded, one.pixel_size, odd.get(one.name)]
                lines.append([name, one.name, label or None, *measures, *shown])
    return ids, lines
