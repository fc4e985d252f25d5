"""Z-stacks through the nodes: read, learned from, segmented, counted, scored, written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.nodes.samples import TINY, disks

from core.image import Image
from core.io.read import read_image
from core.tensor_cell import decode

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test"
SIZES = {"Z": 2.0, "Y": 0.5, "X": 0.5}
KEEP = {"stacks": "KEEP"}
CPU = {"engine": "TORCH", "device": "CPU"}
FOREGROUND = ["Foreground IoU, mean of slices", "Foreground IoU, pooled"]


def stack(depth: int = 4, seed: int = 0) -> tuple[Image, Image]:
    """Columns of disks through all slices, and their labels."""
    image, labels = disks(seed=seed)
    noise = np.random.default_rng(seed).integers(0, 20, (depth, *image.array.shape))
    pixels = (image.array + noise).astype(np.uint16)
    return Image(pixels, "ZYX", SIZES), Image(np.stack([labels.array] * depth), "ZYX", SIZES, kind="labels")


def run(session: Any, kind: str, *inputs: Any, **settings: Any) -> Any:
    """Configure and execute a node; its tables are as it said."""
    node = session.node(kind).set(**settings)
    schemas = node.configure(*inputs)
    result = node.execute(*inputs)
    tables = [output for output in result.outputs if hasattr(output, "column_names")]
    said = [schema for schema in schemas if hasattr(schema, "column_names")]
    assert [list(one.column_names) for one in tables] == [list(one.column_names) for one in said]
    return result


def images(result: Any, column: str) -> list[Any]:
    return [None if cell is None else decode(cell) for cell in result[0].column_values(column)]


@pytest.fixture(scope="module")
def model(session: Any) -> Any:
    """A model that knows nuclei."""
    return session.node("PretrainedSegmentationModel").execute()[0]


@pytest.fixture(scope="module")
def planes() -> list[Any]:
    """A field of nuclei, a little shifted, and far."""
    field = read_image(min((NUCLEI / "images").iterdir())).cyx()[0, :128, :128]
    return [field, np.roll(field, 2, 0), np.roll(field, 64, 1)]


class TestReader:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("images", "labels"):
            (tmp_path / name).mkdir()
        return tmp_path

    @pytest.mark.parametrize(
        ("options", "sizes"),
        [
            ({"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"}, "resolution": (2, 2)}, SIZES),
            (
                {
                    "ome": True,
                    "metadata": {
                        "axes": "ZYX",
                        "PhysicalSizeX": 0.5,
                        "PhysicalSizeY": 0.5,
                        "PhysicalSizeZ": 2000.0,
                        "PhysicalSizeZUnit": "nm",
                    },
                },
                SIZES,
            ),
            ({}, {}),
        ],
        ids=["imagej", "ome", "plain"],
    )
    def test_stacks_of_any_dialect(self, session: Any, folder: Path, options: Any, sizes: Any) -> None:
        image, labels = stack()
        tifffile.imwrite(folder / "images/a.tif", image.array, photometric="minisblack", **options)
        tifffile.imwrite(folder / "labels/a.tif", labels.array.astype(np.uint8), photometric="minisblack")
        result = run(session, "MicroscopyImageReader", folder=str(folder), pixels=KEEP)
        (read,), (drawn,) = images(result, "Image"), images(result, "Labels")
        np.testing.assert_array_equal(read.array, image.array)
        np.testing.assert_array_equal(drawn.array, labels.array)
        assert (read.axes, drawn.axes, drawn.kind) == ("ZYX", "ZYX", "labels")
        assert read.pixel_size == drawn.pixel_size == pytest.approx(sizes)
        (line,) = result[0].to_pandas().to_dict("records")
        assert line["Slices"] == 4
        assert line["Distance of slices (µm)"] == pytest.approx(2.0) if sizes else np.isnan(line["Pixel size (µm)"])

    def test_channels_colours_and_2d_images(self, session: Any, folder: Path) -> None:
        array = np.random.default_rng(0).integers(0, 999, (3, 2, 20, 30)).astype(np.uint16)
        tifffile.imwrite(folder / "images/a.tif", array, imagej=True, metadata={"axes": "ZCYX"})
        tifffile.imwrite(folder / "images/b.tif", array[0, 0])
        rgb = np.random.default_rng(0).integers(0, 99, (4, 20, 30, 3)).astype(np.uint8)
        tifffile.imwrite(folder / "images/c.tif", rgb, ome=True, metadata={"axes": "ZYXS"}, photometric="rgb")
        given = {**KEEP, "pixel_size": 0.3, "pixel_size_z": 1.5, "colours": "GREY"}
        result = run(session, "MicroscopyImageReader", folder=str(folder), pixels=given)
        hyper, flat, grey = images(result, "Image")
        np.testing.assert_array_equal(hyper.array, array.transpose(1, 0, 2, 3))
        assert hyper.axes == "CZYX"
        assert hyper.pixel_size == {"Z": 1.5, "Y": 0.3, "X": 0.3}
        assert (flat.axes, flat.pixel_size) == ("YX", {"Y": 0.3, "X": 0.3})
        assert (grey.axes, grey.array.shape) == ("ZYX", (4, 20, 30))
        assert result[0].to_pandas()["Slices"].tolist() == [3, 1, 4]

    def test_labels_of_another_depth(self, session: Any, folder: Path, refused: Any) -> None:
        image, labels = stack()
        tifffile.imwrite(folder / "images/a.tif", image.array, photometric="minisblack")
        tifffile.imwrite(folder / "labels/a.tif", labels.array[:3].astype(np.uint16), photometric="minisblack")
        with refused(r"labels/a\.tif: The labels are 64 x 64 x 3 pixels, the image .* is 64 x 64 x 4"):
            run(session, "MicroscopyImageReader", folder=str(folder), pixels=KEEP)
        with refused(r"labels/a\.tif: A label image has the axes YX, this one has ZYX"):
            run(session, "MicroscopyImageReader", folder=str(folder), pixels={"stacks": "MIDDLE"})

    def test_the_columns_of_before_stay(self, session: Any, folder: Path) -> None:
        tifffile.imwrite(folder / "images/a.tif", stack()[0].array, photometric="minisblack")
        for handling in ("MAXIMUM", "MIDDLE"):
            result = run(session, "MicroscopyImageReader", folder=str(folder), pixels={"stacks": handling})
            assert "Slices" not in result[0].column_names


class TestPredictor:
    def test_objects_in_3d(self, session: Any, model: Any, planes: Any, table: Callable[..., Any]) -> None:
        volume = Image(np.stack(planes[:2]), "ZYX", SIZES)
        result = run(
            session, "SegmentationPredictor", model, table(Image=[volume, Image(planes[0], "YX")]), computing=CPU
        )
        labels, flat = images(result, "Predicted labels")
        assert (labels.axes, labels.pixel_size, labels.array.dtype) == ("ZYX", SIZES, np.int32)
        counts = result[0].to_pandas()["Object count"].tolist()
        assert counts == [labels.array.max(), flat.array.max()]
        assert 5 < counts[1] <= counts[0] < 1.3 * counts[1]  # a nucleus and its shifted copy are one
        apart = run(session, "SegmentationPredictor", model, table(Image=[volume]), computing=CPU, stacks="SLICES")
        (each,) = images(apart, "Predicted labels")
        np.testing.assert_array_equal(each.array[0], flat.array)
        assert not set(np.unique(each.array[0])) & set(np.unique(each.array[1])) - {0}
        assert apart.progress[0][0] == 0
        assert any("slice 2 of 2" in message for _, message in apart.progress)

    def test_the_counter_counts_what_the_predictor_found(
        self, session: Any, model: Any, planes: Any, table: Callable[..., Any]
    ) -> None:
        given = table(Image=[Image(np.stack(planes), "ZYX", SIZES)])
        found = run(session, "SegmentationPredictor", model, given, computing=CPU)[0]
        result = run(session, "InstanceCounter", found, stacks="IN_3D", image_column="Image")
        assert result[0].to_pandas()["Count"].tolist() == found.to_pandas()["Object count"].tolist()
        assert result[1].to_pandas()["Slices"].max() > 1

    def test_the_view_shows_the_fullest_slice(
        self, session: Any, model: Any, planes: Any, table: Callable[..., Any]
    ) -> None:
        dark = np.full_like(planes[0], planes[0].min())
        dark[0, 0] += 1
        volume = Image(np.stack([dark, dark, dark, planes[0]]), "ZYX")
        result = run(session, "SegmentationPredictor", model, table(Image=[volume]), computing=CPU)
        assert "slice 4 of 4" in result.view_html
        assert result[0].column_values("Overlay preview")[0].size == (128, 128)

    def test_one_slice_is_a_2d_image(self, session: Any, model: Any, planes: Any, table: Callable[..., Any]) -> None:
        both = table(Image=[Image(planes[0], "YX"), Image(planes[0][None], "ZYX")])
        result = run(session, "SegmentationPredictor", model, both, computing=CPU)
        one, other = images(result, "Predicted labels")
        np.testing.assert_array_equal(one.array, other.array)
        assert "slice" not in result.view_html.split("</script>")[-1]

    def test_what_cannot_be_segmented(self, session: Any, model: Any, table: Callable[..., Any], refused: Any) -> None:
        pixels = np.ones((3, 20, 20), np.float32)
        pixels[1, 2, 3] = np.nan
        with refused("Row 'Row0', column 'Image', slice 2: 1 pixels are not a number"):
            run(session, "SegmentationPredictor", model, table(Image=[Image(pixels, "ZYX")]), computing=CPU)
        with refused("Row 'Row0', column 'Image': The image has 2 channels"):
            two = Image(np.ones((2, 3, 20, 20)), "CZYX")
            run(session, "SegmentationPredictor", model, table(Image=[two]), computing=CPU)


class TestCounter:
    def labels(self) -> Image:
        """4 slices: object 2 inside of slices 2 and 3, object 5 from the first to the last, object 9 at the side."""
        array = np.zeros((4, 20, 30), np.int32)
        array[1:3, 5:10, 5:10], array[:, 12, 12], array[1, 19, 20:24] = 2, 5, 9
        return Image(array, "ZYX", SIZES, kind="labels")

    def test_counts_and_volumes(self, session: Any, table: Callable[..., Any]) -> None:
        image = Image(np.arange(4.0).repeat(600).reshape(4, 20, 30), "ZYX", SIZES)
        given = table(["a"], Labels=[self.labels()], Image=[image], Group=["drug"])
        result = run(session, "InstanceCounter", given, stacks="IN_3D", image_column="Image")
        counts, objects = result[0].to_pandas(), result[1].to_pandas()
        assert list(counts.columns) == [
            "Group", "Count", "Density (1/mm³)", "Covered volume (%)", "Mean volume (voxels)", "Mean volume (µm³)",
        ]  # fmt: skip
        assert counts.loc["a", "Count"] == 3
        assert counts.loc["a", "Density (1/mm³)"] == pytest.approx(3 / (4 * 20 * 30 * 0.5) * 1e9)
        assert counts.loc["a", "Covered volume (%)"] == pytest.approx(100 * 58 / 2400)
        assert counts.loc["a", "Mean volume (µm³)"] == pytest.approx(58 / 3 / 2)
        assert list(objects.columns) == [
            "Image", "Object", "Volume (voxels)", "Volume (µm³)", "Centroid X (px)", "Centroid Y (px)",
            "Centroid Z (slices)", "Slices", "Touches edge", "Mean intensity", "Group",
        ]  # fmt: skip
        assert objects["Volume (voxels)"].tolist() == [50, 4, 4]
        assert objects["Volume (µm³)"].tolist() == [25, 2, 2]
        assert objects["Centroid Z (slices)"].tolist() == [1.5, 1.5, 1]
        assert objects["Slices"].tolist() == [2, 4, 1]
        assert objects["Touches edge"].tolist() == [False, True, True]
        assert objects["Mean intensity"].tolist() == [1.5, 1.5, 1]
        assert "Density (1/mm³)" in result.view_html

    @pytest.mark.parametrize(
        ("limits", "count"),
        [
            ({"edge": "EXCLUDE"}, 1),
            ({"edge": "HALF"}, 2),
            ({"smallest": 5.0}, 1),
            ({"largest": 2.5, "unit": "MICROMETRES"}, 2),
        ],
    )
    def test_rules(self, session: Any, table: Callable[..., Any], limits: Any, count: int) -> None:
        result = run(session, "InstanceCounter", table(Labels=[self.labels()]), stacks="IN_3D", limits=limits)
        assert result[0].to_pandas()["Count"].tolist() == [count]

    def test_2d_images_are_stacks_of_one_slice(self, session: Any, table: Callable[..., Any]) -> None:
        labels = disks()[1]
        given = table(Labels=[labels, self.labels(), None])
        volumes = run(session, "InstanceCounter", given, stacks="IN_3D")
        flat = run(session, "InstanceCounter", table(Labels=[labels]))
        assert volumes[0].to_pandas()["Count"].tolist()[:2] == [9, 3]
        first = volumes[1].to_pandas().iloc[:9]
        assert first["Volume (voxels)"].tolist() == flat[1].to_pandas()["Area (px)"].tolist()
        assert first["Touches edge"].tolist() == flat[1].to_pandas()["Touches edge"].tolist()
        assert "Density (1/mm²)" in flat[0].column_names

    def test_what_is_refused(self, session: Any, table: Callable[..., Any], refused: Any) -> None:
        with refused("Row 'Row0', column 'Labels': The labels are a stack of 4 slices. Set Z-stacks to Count in 3-D"):
            run(session, "InstanceCounter", table(Labels=[self.labels()]))
        unknown = Image(self.labels().array, "ZYX", {"Y": 1.0, "X": 1.0}, kind="labels")
        with refused("Row 'Row0': The image has no pixel size or distance of slices, so volumes in µm³ are not known"):
            limits = {"smallest": 1.0, "unit": "MICROMETRES"}
            run(session, "InstanceCounter", table(Labels=[unknown]), stacks="IN_3D", limits=limits)


class TestScorer:
    def test_objects_are_matched_in_3d(self, session: Any, table: Callable[..., Any]) -> None:
        image, truth = stack()
        found = truth.array.copy()
        found[0] = 0
        found[found == 3] = 0
        predicted = Image(found, "ZYX", SIZES, kind="labels")
        given = table(["a"], Image=[image], Labels=[truth], **{"Predicted labels": [predicted]})
        result = run(session, "SegmentationScorer", given)
        (score,) = result[0].to_pandas().to_dict("records")
        assert (score["True count"], score["Predicted count"]) == (9, 8)
        assert score["AP@0.5"] == pytest.approx(8 / 9)
        assert score["Mean matched IoU"] == pytest.approx(3 / 4)
        a, b = truth.array > 0, found > 0
        pooled = (a & b).sum() / (a | b).sum()
        slices = [0.0, *((a[z] & b[z]).sum() / (a[z] | b[z]).sum() for z in (1, 2, 3))]
        assert [score[name] for name in FOREGROUND] == pytest.approx([np.mean(slices), pooled])
        assert result[1].to_pandas()[FOREGROUND].iloc[0].tolist() == pytest.approx([np.mean(slices), pooled])
        assert list(result[0].column_names)[-2:] == list(result[1].column_names)[-2:] == FOREGROUND
        assert "slice 3 of 4" in result.view_html

    def test_foreground_of_several_images(self, session: Any, table: Callable[..., Any]) -> None:
        labels = disks()[1]
        half = labels.array.copy()
        half[:, 32:] = 0
        empty = Image(np.zeros((8, 8), np.int32), "YX", kind="labels")
        truth = [labels, labels, empty]
        found = [labels, labels.with_array(half, "YX", "labels"), empty]
        result = run(session, "SegmentationScorer", table(Labels=truth, **{"Predicted labels": found}))
        share = (half > 0).sum() / (labels.array > 0).sum()
        scores = result[0].to_pandas()[FOREGROUND]
        assert scores.iloc[:2].to_numpy().tolist() == [[1, 1], pytest.approx([share, share])]
        assert scores.iloc[2].isna().all()
        assert result[1].to_pandas()[FOREGROUND].iloc[0].tolist() == pytest.approx([(1 + share) / 2] * 2)

    def test_stacks_of_another_depth(self, session: Any, table: Callable[..., Any], refused: Any) -> None:
        given = table(Labels=[stack(4)[1]], **{"Predicted labels": [stack(3)[1]]})
        with refused("Row 'Row0': The labels in 'Labels' and 'Predicted labels'.* 64 x 64 x 4 and 64 x 64 x 3 pixels"):
            run(session, "SegmentationScorer", given)


class TestLearning:
    def test_slices_are_images_to_learn_from(self, session: Any, table: Callable[..., Any]) -> None:
        image, labels = stack(3)
        drawn = labels.array.copy()
        drawn[1] = 0
        (flat, of_flat) = disks(seed=3)
        given = table(Image=[image, flat], Labels=[labels.with_array(drawn, "ZYX", "labels"), of_flat])
        result = session.node("SegmentationLearner").set(**TINY).execute(given, None)
        assert "Row 'Row0': nothing is labelled in 1 of 3 slices (2)" in result.warnings[0]
        assert result[0].load().load().config.provenance["images"] == 4

    def test_a_message_names_row_and_slice(self, session: Any, table: Callable[..., Any], refused: Any) -> None:
        image, labels = stack(3)
        learner = session.node("SegmentationLearner").set(**TINY)
        pixels = image.array.astype(np.float32)
        pixels[2, 0, 0] = np.inf
        broken = Image(pixels, "ZYX", SIZES)
        with refused("Row 'Row0', slice 3: 1 pixels are not a number"):
            learner.execute(table(Image=[broken], Labels=[labels]), None)
        with refused("Validation images, Row 'Row0', slice 3: 1 pixels"):
            learner.execute(table(Image=[image], Labels=[labels]), table(Image=[broken], Labels=[labels]))
        with refused("Row 'Row0': The labels are 64 x 64 x 2 pixels, the stack is 64 x 64 x 3"):
            learner.execute(table(Image=[image], Labels=[stack(2)[1]]), None)

    def test_the_retrainer_takes_stacks(self, session: Any, trained: Any, table: Callable[..., Any]) -> None:
        image, labels = stack(3)
        settings = {"training": TINY["training"]}
        given = table(Image=[image], Labels=[labels])
        result = session.node("SegmentationRetrainer").set(**settings).execute(trained, given, None, None)
        assert result[1].num_rows > 0


class TestWriter:
    def test_a_stack_comes_back(self, session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
        labels = stack()[1]
        run(session, "SegmentationLabelWriter", table(["a"], Labels=[labels]), folder=str(tmp_path))
        written = read_image(tmp_path / "a.ome.tif")
        np.testing.assert_array_equal(written.array, labels.array)
        assert written.axes == "ZYX"
        assert written.pixel_size == pytest.approx(SIZES)

    @pytest.mark.parametrize(("formats", "name"), [({"roi_zip": True}, "ImageJ ROI"), ({"geojson": True}, "GeoJSON")])
    def test_outlines_of_stacks(
        self, session: Any, table: Callable[..., Any], tmp_path: Path, refused: Any, formats: Any, name: str
    ) -> None:
        given = table(["a", "b"], Labels=[disks()[1], stack()[1]])
        with refused(f"Row 'b', column 'Labels': The labels are a Z-stack.*which {name} cannot hold. Choose OME-TIFF"):
            run(session, "SegmentationLabelWriter", given, folder=str(tmp_path), formats=formats)
        assert not list(tmp_path.iterdir())
