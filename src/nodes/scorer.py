"""Segmentation Scorer."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import Row, rows, small_table
from nodes.columns import IMAGE, LABELS, NONE, PREDICTED, check_optional_column, find_column, is_image
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY
from nodes.views.scores import LAYERS, compared, scores_view
from nodes.views.slides import Album, Slide

if TYPE_CHECKING:
    from core.evaluation.foreground import Foreground
    from core.evaluation.scores import ImageScore, Score
    from core.image import Image
    from core.progress import Progress

    Scored = tuple[ImageScore, Foreground]

THRESHOLDS = tuple(f"{0.5 + 0.05 * i:.2f}" for i in range(10))
"""The IoU thresholds of `core.evaluation.scores`, as columns have them."""

FOREGROUND = (("Foreground IoU, mean of slices", knext.double), ("Foreground IoU, pooled", knext.double))
"""The last columns of both tables."""

SCORES = (
    ("Image", knext.string),
    ("Method", knext.string),
    ("True count", knext.int32),
    ("Predicted count", knext.int32),
    ("Count error", knext.int32),
    ("AP@0.5", knext.double),
    ("mAP@.50:.95", knext.double),
    ("Precision@0.5", knext.double),
    ("Recall@0.5", knext.double),
    ("F1@0.5", knext.double),
    ("PQ@0.5", knext.double),
    ("Mean matched IoU", knext.double),
    *FOREGROUND,
)

_AP = [name for name, _ in SCORES].index("AP@0.5")

Lines = list[list[Any]]
"""Rows of `SCORES`."""

SUMMARY = (
    ("Method", knext.string),
    ("Images", knext.int32),
    ("True count", knext.int32),
    ("Predicted count", knext.int32),
    ("Mean absolute count error (%)", knext.double),
    ("AP@0.5", knext.double),
    ("mAP@.50:.95", knext.double),
    ("AP (DSB 2018)", knext.double),
    ("F1@0.5", knext.double),
    ("PQ@0.5", knext.double),
    *((f"AP@{threshold} pooled", knext.double) for threshold in THRESHOLDS),
    *FOREGROUND,
)


@knext.node(
    "Segmentation Scorer",
    knext.NodeType.OTHER,
    "icons/scorer.png",
    CATEGORY,
    id="SegmentationScorer",
    keywords=["evaluate", "score", "accuracy", "average precision", "AP", "F1", "PQ", "IoU", "validation", "compare"],
)
@knext.input_table(
    "Label images",
    "One row per image: a column of label images drawn by hand, one of predicted ones of the same size, and perhaps "
    "another of a second method. In all of them 0 is background and every object has its own number.",
)
@knext.output_table(
    "Scores",
    "One row per image and method: *Image*, *Method* (the column of the predicted labels), *True count*, *Predicted "
    "count*, *Count error* (predicted less true), *AP@0.5*, *mAP@.50:.95*, *Precision@0.5*, *Recall@0.5*, *F1@0.5*, "
    "*PQ@0.5*, *Mean matched IoU*, *Foreground IoU, mean of slices*, *Foreground IoU, pooled*. Scores are 0 to 1.",
)
@knext.output_table(
    "Summary",
    "One row per method, over all images: the same, with *Mean absolute count error (%)*, *AP (DSB 2018)*, and the "
    "pooled AP at each of the ten thresholds. The foreground IoU is here that of all slices, or pixels, of all images.",
)
@knext.output_view(
    "Scores",
    "Average precision over IoU thresholds as a curve per method, and the worst images with the outlines of truth "
    "and prediction.",
)
class SegmentationScorer:
    """Scores predicted objects against objects drawn by hand.

    Use it on images that the model has **not** been trained on, to learn how well it works, or to compare two methods
    side by side (for instance before and after retraining). It compares objects one by one; for counts without drawn
    labels use the *Instance Counter*.

    A predicted object is right when it overlaps an object drawn by hand with an intersection over union (IoU) of at
    least a threshold. With TP right objects, FP wrong and FN missed ones:

    - **AP** is TP / (TP + FP + FN); AP@0.5 at the threshold 0.5, mAP@.50:.95 averaged over ten thresholds.
    - **Precision** is TP / (TP + FP), **recall** TP / (TP + FN), **F1** 2 TP / (2 TP + FP + FN).
    - **PQ** (panoptic quality) is F1 times the mean IoU of the right objects.

    The summary counts TP, FP and FN over all images together (pooled); *AP (DSB 2018)* averages the images first, as
    the Data Science Bowl 2018 did. Where there is no object, neither drawn nor predicted, nothing is wrong: the scores
    are 1. Where nothing is predicted, no prediction is wrong: the precision is 1, whatever was missed; likewise the
    recall where nothing is drawn.

    **Foreground IoU** (Jaccard index) asks only which pixels belong to objects, whatever their numbers: pixels that
    are foreground in both, divided by those that are in at least one. Pooled, all pixels are taken together; the mean
    of slices is that over 2-D images, or over the slices of stacks. A slice without foreground in both is left out,
    and where there is no other the cell is missing. Some papers count such slices as 0: compare with numbers of the
    same definition.

    **Stacks:** label images may be Z-stacks. Objects are then matched in three dimensions, by the voxels that they
    share: an object must have one number in all its slices. The view shows the slice with most objects drawn.

    **Example:** 20 nuclei are drawn and 18 predicted, of which 16 overlap with an IoU of at least 0.5. TP is 16, FP 2,
    FN 4: AP@0.5 is 16 / 22 = 0.73, precision 0.89, recall 0.80, F1 0.84, the count error -2. To compare with a second
    model, apply both in a row and choose the second column of labels as *Predicted labels to compare*.

    **Limits:** this AP is not the area under a precision-recall curve that other fields call AP: compare with numbers
    of the same definition only. 33,000 objects of one image are matched in half a second and 0.8 GB. Both label images
    must be of the same size.

    **Literature:**

    - [Caicedo et al. 2019](https://doi.org/10.1038/s41592-019-0612-7), Nucleus segmentation across imaging experiments:
      the 2018 Data Science Bowl, Nature Methods.
    - [Kirillov et al. 2019](https://doi.org/10.1109/CVPR.2019.00963), Panoptic segmentation, CVPR (PQ).
    """

    truth_column = knext.ColumnParameter("True labels", "Labels drawn by hand, or simulated ones.", 0, is_image)
    predicted_column = knext.ColumnParameter("Predicted labels", "Labels to score.", 0, is_image)
    second_column = knext.ColumnParameter(
        "Predicted labels to compare",
        "Labels of a second method, scored beside the first; *None* scores one method.",
        0,
        is_image,
        include_none_column=True,
    )
    background_column = knext.ColumnParameter(
        "Image behind the outlines",
        "Shown in the view; *None* takes the column *Image* where there is one.",
        0,
        is_image,
        include_none_column=True,
        is_advanced=True,
    )
    shown = knext.IntParameter(
        "Images in the view",
        "How many images the view shows at most, those with the lowest AP@0.5 of the first method; 0 to 500.",
        32,
        min_value=0,
        max_value=500,
        is_advanced=True,
    )

    def configure(self, ctx: Any, schema: Any) -> Any:
        """Columns are always the same."""
        self.truth_column, self.predicted_column, *second = self._label_columns(schema)
        self.second_column = second[0] if second else NONE
        self.background_column = self._background(schema) or NONE
        return tuple(knext.Schema.from_columns(_columns(names)) for names in (SCORES, SUMMARY))

    def execute(self, ctx: Any, table: Any) -> Any:
        """Scores image after image."""
        with plain_errors():
            progress, total = progress_of(ctx), max(1, table.num_rows)
            truth, *methods = self._label_columns(table.schema)
            scored: dict[str, list[Scored]] = {method: [] for method in methods}
            ids: list[str] = []
            missing: list[str] = []
            warnings: list[str] = []
            lines: list[list[Any]] = []
            first = progress.part(0.0, 0.8)
            for done, row in enumerate(rows(table)):
                first.step(done / total, f"{row.id} ({done + 1} of {total})")
                scores, doubts = self._scores(row, truth, methods)
                warnings += doubts
                if not scores:
                    missing.append(row.id)
                for method, score in scores.items():
                    scored[method].append(score)
                    ids.append(row.id if len(methods) == 1 else f"{row.id} / {method}")
                    lines.append([row.id, method, *_score_values(*score)])
            if missing:
                left_out = amount(len(missing), "row")
                warnings.append(f"Left out {left_out} without labels or prediction: {listed(missing)}.")
            warn(ctx, warnings)
            summary = [[method, *_summary_values(scores)] for method, scores in scored.items()]
            worst = _worst_first(lines, len(methods))
            return (
                small_table(_columns(SCORES), ids, list(zip(*lines, strict=True)) or [[]] * len(SCORES)),
                small_table(_columns(SUMMARY), methods, list(zip(*summary, strict=True))),
                self._view(summary, worst, self._album(table, worst, progress.part(0.8, 1.0))),
            )

    def _view(self, summary: list[list[Any]], images: list[Lines], album: Album) -> Any:
        first = len(SUMMARY) - len(THRESHOLDS) - len(FOREGROUND)
        rest = first + len(THRESHOLDS)
        curves = [
            [(float(t), v) for t, v in zip(THRESHOLDS, line[first:rest], strict=True) if v is not None]
            for line in summary
        ]
        header = [name for name, _ in (*SUMMARY[:first], *FOREGROUND)]
        table = [line[:first] + line[rest:] for line in summary]
        methods, names = [line[0] for line in summary], [name for name, _ in SCORES]
        lines = [line for image in images for line in image]
        return scores_view(methods, table, header, curves, lines, names, album)

    def _album(self, table: Any, images: list[Lines], progress: "Progress") -> Album:
        """The first of the images for the view, each with its rows of scores; their pixels are read only now."""
        album = Album(self.shown, len(images), LAYERS)
        wanted = {image[0][0]: image for image in images[: self.shown]}
        columns, background = self._label_columns(table.schema), self._background(table.schema)
        slides: dict[str, Slide] = {}
        for row in rows(table):
            if len(slides) == len(wanted):
                break
            progress.check()
            if row.id in wanted:
                at = f"{row.id} ({len(slides) + 1} of {len(wanted)} for the view)"
                progress.step(len(slides) / len(wanted), at)
                slides[row.id] = _slide(album, row, columns, background, wanted[row.id])
        for name in wanted:
            album.take(slides[name])
        album.passed += len(images) - len(wanted)
        return album

    def _label_columns(self, schema: Any) -> list[str]:
        """Truth and one or two predictions.

        Raises
        ------
        knext.InvalidParametersError : a column is missing, of the wrong type, or used twice.
        """
        second = check_optional_column(schema, self.second_column, "second column of predicted labels")
        avoid = [second, self.truth_column, LABELS, IMAGE]
        predicted = find_column(
            schema, self.predicted_column, "column of predicted labels", preferred=(PREDICTED,), avoid=avoid
        )
        truth = find_column(
            schema, self.truth_column, "column of true labels", preferred=(LABELS,), avoid=[predicted, second, IMAGE]
        )
        columns = [truth, predicted, *([second] if second else [])]
        if len(set(columns)) < len(columns):
            raise knext.InvalidParametersError(
                f"A column is chosen twice: {', '.join(columns)}. Choose different ones."
            )
        return columns

    def _background(self, schema: Any) -> str | None:
        """The image to show behind the outlines, None where there is none."""
        usual = IMAGE if IMAGE in [column.name for column in schema if is_image(column)] else None
        return check_optional_column(schema, self.background_column, "image column") or usual

    def _scores(self, row: Row, truth: str, methods: list[str]) -> "tuple[dict[str, Scored], list[str]]":
        """The scores of every method, none where labels are missing, and warnings."""
        cells = {column: row.labels(column, stacks=True) for column in (truth, *methods)}
        if any(labels is None for labels in cells.values()):
            return {}, []
        doubts = [doubt for column, labels in cells.items() if labels for doubt in row.mask_warning(column, labels)]
        return {method: self._score(row, truth, method, cells) for method in methods}, doubts

    def _score(self, row: Row, truth: str, method: str, cells: "dict[str, Image | None]") -> "Scored":
        from core.errors import UserInputError
        from core.evaluation.foreground import foreground
        from core.evaluation.scores import score_image

        a, b = cells[truth], cells[method]
        assert a is not None
        assert b is not None
        if a.array.shape != b.array.shape:
            sizes = " and ".join(" x ".join(map(str, labels.array.shape[::-1])) for labels in (a, b))
            raise UserInputError(
                f"The labels in {truth!r} and {method!r} have different sizes: {sizes} pixels.",
                where=str(row),
                todo="Score predictions of the same images.",
            )
        return score_image(a.array, b.array), foreground(a.array, b.array)


def _slide(album: Album, row: Row, columns: list[str], background: str | None, lines: Lines) -> Slide:
    """A row with its scores for the view, on its image if there is one of the labels' size."""
    from core.planes import fullest, slice_of

    image = row.image(background) if background else None
    cells = {name: row.labels(name, stacks=True) for name in columns}
    (_, truth), *others = [(name, labels) for name, labels in cells.items() if labels is not None]
    if image is not None and [image.size(axis) for axis in "ZYX"] != [truth.size(axis) for axis in "ZYX"]:
        image = None
    caption = "; ".join(f"{line[1]}: {line[2]} drawn, {line[3]} predicted, AP@0.5 {line[_AP]:.2f}" for line in lines)
    if truth.size("Z") > 1:
        z = fullest(truth.array)
        caption += f"; slice {z + 1} of {truth.size('Z')}"
        image = image and slice_of(image, z)
        truth, others = slice_of(truth, z), [(name, slice_of(labels, z)) for name, labels in others]
    return album.slide(row.id, caption, image, compared(truth, dict(others)))


def _worst_first(lines: Lines, methods: int) -> list[Lines]:
    """The rows of every image, one of each method; the lowest AP@0.5 of the first method comes first."""
    images = [lines[i : i + methods] for i in range(0, len(lines), methods)]
    return sorted(images, key=lambda image: float(image[0][_AP]))


def _columns(names: Any) -> list[Any]:
    return [knext.Column(kind(), name) for name, kind in names]


def _score_values(score: "Score", covered: "Foreground") -> list[Any]:
    """The values of `SCORES` behind image and method."""
    return [
        score.true_count,
        score.pred_count,
        score.count_error,
        score.ap[0],
        score.map_50_95,
        score.precision,
        score.recall,
        score.f1,
        score.pq,
        score.mean_matched_iou if score.tp[0] else None,
        covered.mean_of_slices(),
        covered.pooled,
    ]


def _summary_values(scored: "list[Scored]") -> list[Any]:
    """The values of `SUMMARY` behind the method; without images there are none but zeros."""
    from core.evaluation.foreground import together
    from core.evaluation.scores import ap_dsb2018, pooled

    if not scored:
        return [0, 0, 0, *[None] * (len(SUMMARY) - 4)]
    scores, covered = [score for score, _ in scored], together([one for _, one in scored])
    every = pooled(scores)
    error = 100 * sum(score.relative_count_error for score in scores) / len(scores)
    return [
        len(scores),
        every.true_count,
        every.pred_count,
        error,
        every.ap[0],
        every.map_50_95,
        ap_dsb2018(scores),
        every.f1,
        every.pq,
        *every.ap,
        covered.mean_of_slices(),
        covered.pooled,
    ]
