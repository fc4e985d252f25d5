"""The measurements of StarDist on TensorFlow, in an environment of its own: `python stardist_tf.py TASK DATA`."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from clock import cpu_seconds, main, peak_mb, report

warnings.simplefilter("ignore")


def normalized(image: Any) -> Any:
    """Percentiles 1 and 99.8 to 0 and 1, as StarDist's users do."""
    from csbdeep.utils import normalize

    return normalize(image, 1, 99.8)


def network(grid: int, folder: Path | None = None, **settings: Any) -> Any:
    """StarDist's 2-D network with its defaults, 32 rays."""
    import tensorflow
    from stardist.models import Config2D, StarDist2D

    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    config = Config2D(n_rays=32, grid=(grid, grid), train_tensorboard=False, **settings)
    return StarDist2D(config, name="network" if folder else None, basedir=str(folder) if folder else None)


def trained(data: Path) -> Any:
    """The network that `fit` has trained."""
    from stardist.models import StarDist2D

    network(2)  # sets the number of threads before anything runs
    return StarDist2D(None, name="network", basedir=str(data))


def examples(data: Path) -> tuple[list[Any], list[Any]]:
    """All images to learn from."""
    drawn = np.load(data / "train.npz")
    return [normalized(image) for image in drawn["images"]], list(drawn["labels"])


def fit(data: Path, steps: str) -> None:
    """Not a measurement: train the network that both tools then apply, and write its weights and an output."""
    images, labels = examples(data)
    side = min(128, images[0].shape[0])
    model = network(2, data, train_patch_size=(side, side), train_batch_size=8, train_learning_rate=1e-3)
    held = max(2, len(images) // 8)

    rng = np.random.default_rng(0)

    def turned(image: Any, label: Any) -> tuple[Any, Any]:
        turns = int(rng.integers(4))
        return np.rot90(image, turns) * rng.uniform(0.7, 1.4), np.rot90(label, turns)

    begin = time.process_time()
    model.train(
        images[:-held],
        labels[:-held],
        validation_data=(images[-held:], labels[-held:]),
        augmenter=turned,
        epochs=max(1, int(steps) // 100),
        steps_per_epoch=min(100, int(steps)),
        seed=0,
    )
    seconds = time.process_time() - begin
    weights = [np.array(weight) for weight in model.keras_model.weights]
    pairs = {f"kernel_{i}": w for i, w in enumerate(weights[::2])} | {
        f"bias_{i}": w for i, w in enumerate(weights[1::2])
    }
    np.savez(data / "network.npz", **pairs)
    prob, dist = model.predict(images[0])
    np.savez(
        data / "network_output.npz", pixels=images[0][None], maps=np.concatenate([prob[None], np.moveaxis(dist, -1, 0)])
    )
    report("fit", [seconds], int(steps))


def train(data: Path, grid: str, kind: str) -> None:
    """Steps of 4 patches of 256 x 256 pixels, targets included."""
    from stardist.models.model2d import StarDistData2D

    images, labels = examples(data)
    side = min(256, images[0].shape[0])
    model = network(int(grid), train_patch_size=(side, side), train_batch_size=4)
    model.prepare_for_training()
    batches = StarDistData2D(
        images,
        labels,
        batch_size=4,
        n_rays=32,
        length=10**6,
        patch_size=(side, side),
        grid=(int(grid), int(grid)),
        foreground_prob=0.9,
    )
    steps = 5
    model.keras_model.fit(batches, steps_per_epoch=2, epochs=1, verbose=0, shuffle=False)
    seconds = cpu_seconds(
        lambda: model.keras_model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False), warm=0
    )
    report(f"train_{kind}_grid{grid}", seconds, steps * 4, side=side, parameters=model.keras_model.count_params())


def predict(data: Path, name: str) -> None:
    """From pixels to labels and scores."""
    from stardist.matching import matching as score

    field = np.load(data / "field.npz")
    model = trained(data)
    image = field["image"]

    def segment() -> Any:
        return model.predict_instances(normalized(image), prob_thresh=0.5, nms_thresh=0.4)[0]

    seconds = cpu_seconds(segment)
    one = score(field["labels"], segment(), thresh=0.5)
    found = {"objects": one.n_pred, "true_objects": one.n_true, "f1": round(float(one.f1), 4)}
    report(f"predict_{name}", seconds, image.size / 1e6, **found)


def big(data: Path, side: str, out: str, block: str) -> None:
    """An image in blocks, as StarDist does it; the labels are kept for scoring. Writing them is not counted."""
    import tifffile

    model = trained(data)
    image = normalized(tifffile.imread(data / f"nuclei_{side}.tif"))
    model.predict_instances(image[:512, :512], prob_thresh=0.5, nms_thresh=0.4)
    wall, begin = time.perf_counter(), time.process_time()
    labels, _ = model.predict_instances_big(
        image,
        axes="YX",
        block_size=int(block),
        min_overlap=128,
        context=128,
        prob_thresh=0.5,
        nms_thresh=0.4,
        show_progress=False,
    )
    seconds, wall = time.process_time() - begin, time.perf_counter() - wall
    memory = round(peak_mb())
    np.save(out, labels)
    report(
        f"large_{side}", [seconds], int(side) ** 2 / 1e6, wall=round(wall, 1), objects=int(labels.max()), memory=memory
    )


def targets(data: Path) -> None:
    """What the network is taught, for a patch of 256 x 256 pixels."""
    from stardist.geometry import star_dist
    from stardist.utils import edt_prob

    labels = np.load(data / "train.npz")["labels"][:32]
    for grid in (1, 2):

        def both(grid: int = grid) -> None:
            for one in labels:
                edt_prob(one)[::grid, ::grid]
                star_dist(one, 32, grid=(grid, grid))

        report(f"targets_grid{grid}", cpu_seconds(both), len(labels))


def polygons(data: Path, count: str) -> None:
    """Suppression of candidates, and painting of those that stay."""
    from stardist.geometry import polygons_to_label
    from stardist.nms import non_maximum_suppression_sparse

    given = np.load(data / f"candidates_{count}.npz")
    distances, points, scores, shape = (given[key] for key in ("distances", "points", "scores", "shape"))
    seconds = cpu_seconds(lambda: non_maximum_suppression_sparse(distances, scores, points, nms_thresh=0.4))
    points, scores, distances, kept = non_maximum_suppression_sparse(distances, scores, points, nms_thresh=0.4)
    report(f"nms_{count}", seconds, kept=len(kept))
    seconds = cpu_seconds(lambda: polygons_to_label(distances, points, shape=tuple(shape), prob=scores))
    report(f"render_{count}", seconds, polygons=len(kept))


def thresholds(data: Path) -> None:
    """Both thresholds fitted on 12 images."""
    model = trained(data)
    images, labels = examples(data)
    seconds = cpu_seconds(lambda: model.optimize_thresholds(images[-12:], labels[-12:], save_to_json=False), warm=0)
    report("thresholds", seconds)


def matching(data: Path, side: str) -> None:
    """Two label images scored at one and at ten IoU thresholds."""
    from stardist.matching import matching as score

    pair = np.load(data / f"pair_{side}.npz")
    truth, prediction = pair["truth"], pair["prediction"]
    counts = {"true_objects": int(truth.max()), "objects": int(prediction.max())}
    report(f"matching_{side}", cpu_seconds(lambda: score(truth, prediction, thresh=0.5)), **counts)
    ten = np.arange(0.5, 1, 0.05)
    report(f"matching10_{side}", cpu_seconds(lambda: score(truth, prediction, thresh=ten)), **counts)


def measuring(data: Path, side: str) -> None:
    """The same measures with scikit-image, which StarDist's users take."""
    from skimage.measure import regionprops_table

    labels = np.load(data / f"pair_{side}.npz")["truth"]
    image = labels.astype(np.uint16)
    wanted = ("area", "bbox", "centroid", "eccentricity", "equivalent_diameter_area", "solidity", "intensity_mean")
    seconds = cpu_seconds(lambda: regionprops_table(labels, image, properties=wanted), warm=0)
    report(f"measuring_{side}", seconds, objects=int(labels.max()))


if __name__ == "__main__":
    main(
        {task.__name__: task for task in (fit, train, predict, big, targets, polygons, thresholds, matching, measuring)}
    )
