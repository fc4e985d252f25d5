"""Style Transfer Learner."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import rows, small_table
from nodes.columns import IMAGE, PREDICTED, find_column, is_image
from nodes.examples import LABEL_NAMES
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY, device_parameter, seed_parameter
from nodes.style_ports import StyleModelObject, StyleModelSpec, style_model_port
from nodes.views.style import before_and_after, style_view

if TYPE_CHECKING:
    from core.adaptation.style.cut.config import CutConfig
    from core.image import Image

IMAGES, TARGETS = "Images", "Target images"
"""What messages call the two tables."""

HISTORY = (
    ("Step", "step", knext.int32),
    ("Discriminator loss", "discriminator_loss", knext.double),
    ("Generator loss", "generator_loss", knext.double),
    ("Contrastive loss", "contrastive_loss", knext.double),
    ("Identity loss", "identity_loss", knext.double),
    ("Learning rate", "learning_rate", knext.double),
    ("Seconds", "seconds", knext.double),
)
"""Columns of the table of steps, and what the library calls them."""


class Size(knext.EnumParameterOptions):
    """How large the network is."""

    SMALL = ("Small", "For a processor: it starts by changing nothing and learns what to change.")
    FULL = ("As published", "For a graphics card: makes every image anew; fifty times as slow, and needs more steps.")
    OWN = ("Own", "As small, with the sizes that are set below.")


@knext.node(
    "Style Transfer Learner",
    knext.NodeType.LEARNER,
    "icons/style_learner.png",
    CATEGORY,
    id="StyleTransferLearner",
    keywords=["style", "domain adaptation", "CUT", "contrastive", "GAN", "unpaired", "translation", "microscope"],
)
@knext.input_table(
    "Images",
    "Images whose style is to change: a column of 2-D images or Z-stacks, all with as many channels.",
)
@knext.input_table(
    "Target images",
    "Images as the others should look, with as many channels; they need no labels. They may show other samples: no "
    "image needs a partner.",
)
@knext.output_port("Style model", "The learned style, for *Style Transfer*.", style_model_port)
@knext.output_table(
    "History",
    "At most a hundred rows, each the mean of the steps up to *Step*: *Discriminator loss*, *Generator loss*, "
    "*Contrastive loss*, *Identity loss*, *Learning rate*, and the *Seconds* that they took.",
)
@knext.output_view(
    "Style training",
    "The losses over the steps; parts of the first images before and after, beside target images; and "
    "where it was computed.",
)
class StyleTransferLearner:
    """Learns to make images look as if another microscope had taken them.

    Use it when a model was trained on images of one microscope and is to be applied to those of another, or when
    images of several microscopes are to be learned from together. It needs **images of both, but no labels and no
    pairs**: contrastive unpaired translation (CUT) trains one network that changes images and one that tells changed
    images from real ones, while every place in a changed image must still be recognised among all others of it. Try
    the simpler ways of giving a style first, such as matching histograms: they take seconds and cannot invent anything.

    In a short training the losses say little; look at the images in the view. A *Contrastive loss* that falls says that
    places stay where they are. A *Discriminator loss* near 0.25 says that changed images are no longer told from real
    ones, one near 0 that they easily are: then more *Steps* help, or images that are more alike.

    **Example:** 20 electron micrographs of one microscope with 512 x 512 pixels, and 20 of another. Leave all settings
    as they are: 2,000 *Steps* with patches of 96 x 96 pixels, five to ten minutes on a processor core. If the training
    would take longer than the *Longest duration*, the node says so after a few steps, and what to change.

    **Limits:** Objects keep their shape and size, as far as they can: compare images before and after, since networks
    can invent structures that the target images have more of. Pixel sizes should agree beforehand. Every image is
    scaled by its own percentiles, and results have the grey values and the number type of the target images. Images
    with the same value everywhere are left out. All images are held in memory together. With the size *As published* a
    graphics card is needed.

    **Literature:**

    - [Park et al. 2020](https://doi.org/10.1007/978-3-030-58545-7_19), Contrastive learning for unpaired image-to-image
      translation, ECCV (CUT).
    - [Zhu et al. 2017](https://doi.org/10.1109/ICCV.2017.244), Unpaired image-to-image translation using
      cycle-consistent adversarial networks, ICCV (the networks).
    - [Mao et al. 2017](https://doi.org/10.1109/ICCV.2017.304), Least squares generative adversarial networks, ICCV.
    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine.
    """

    image_column = knext.ColumnParameter("Image column", "Images whose style is to change.", 0, is_image)
    target_column = knext.ColumnParameter("Target image column", "Images as the others should look.", 1, is_image)
    size = knext.EnumParameter(
        "Size of the network",
        "A larger network can change more, and needs more steps, more images and more time.",
        Size.SMALL.name,
        Size,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    steps = knext.IntParameter(
        "Steps",
        "From how many patches of either kind is learned, 1 to 10,000,000. The published network takes 100,000.",
        2000,
        min_value=1,
        max_value=10_000_000,
    )
    limit = knext.DoubleParameter(
        "Longest duration (minutes)",
        "A training that would take longer stops after its first steps with an error that says how long. 0.01 to "
        "100,000.",
        60.0,
        min_value=0.01,
        max_value=100_000.0,
    )
    width = knext.IntParameter(
        "Width of the network (channels)",
        "Channels of its first level, 4 to 256. Twice as many takes up to four times as long.",
        16,
        min_value=4,
        max_value=256,
    ).rule(knext.OneOf(size, [Size.OWN.name]), knext.Effect.SHOW)
    blocks = knext.IntParameter(
        "Residual blocks",
        "Pairs of layers in the middle of the network, 1 to 16: one more sees 16 pixels farther.",
        4,
        min_value=1,
        max_value=16,
    ).rule(knext.OneOf(size, [Size.OWN.name]), knext.Effect.SHOW)
    patch_size = knext.IntParameter(
        "Patch size (pixels)",
        "Side of the square patches that are cut out of the images, a multiple of 4 from 32 to 1024.",
        96,
        min_value=32,
        max_value=1024,
    ).rule(knext.OneOf(size, [Size.OWN.name]), knext.Effect.SHOW)
    learning_rate = knext.DoubleParameter(
        "Learning rate",
        "How far every step changes the networks, 0.0000001 to 1; in the second half of the training it falls to 0. "
        "The published network was trained with 0.0002.",
        5e-4,
        min_value=1e-7,
        max_value=1.0,
        is_advanced=True,
    )
    seed = seed_parameter()
    device = device_parameter()

    def configure(self, ctx: Any, schema: Any, targets: Any) -> Any:
        """The columns of the history; the images' channels are not known before they are seen."""
        self.image_column, self.target_column = self._columns(schema, targets)
        self._check()
        return StyleModelSpec(), knext.Schema.from_columns(_history_columns())

    def execute(self, ctx: Any, table: Any, targets: Any) -> Any:
        """Trains the model."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.adaptation.style.cut.train import train_style

            self._check()
            columns = self._columns(table.schema, targets.schema)
            names, images, skipped = _read(table, columns[0], ctx, IMAGES)
            style_names, wanted, more = _read(targets, columns[1], ctx, TARGETS)
            progress = progress_of(ctx)
            result = train_style(
                images, wanted, self._config(), progress.part(0.0, 0.98), names=names, style_names=style_names
            )
            pictures = before_and_after(
                result.model, images, wanted, names, style_names, self.device.lower(), progress.part(0.98, 1.0)
            )
            warn(ctx, [*skipped, *more, *result.warnings])
            values = [[row.get(key) for row in result.history] for _, key, _ in HISTORY]
            values[0] = [int(row["step"]) for row in result.history]
            history = small_table(_history_columns(), [f"Step {step}" for step in values[0]], values)
            return StyleModelObject.of(result.model), history, style_view(result, pictures)

    def _columns(self, schema: Any, targets: Any) -> tuple[str, str]:
        found = [
            find_column(of, chosen, what, preferred=(IMAGE,), avoid=(*LABEL_NAMES, PREDICTED))
            for of, chosen, what in (
                (schema, self.image_column, "image column"),
                (targets, self.target_column, "target image column"),
            )
        ]
        return found[0], found[1]

    def _check(self) -> None:
        if self.size == Size.OWN.name and self.patch_size % 4:
            raise knext.InvalidParametersError(
                f"The patch size is {self.patch_size} pixels. Choose a multiple of 4, for instance "
                f"{max(32, self.patch_size // 4 * 4)}."
            )

    def _config(self) -> "CutConfig":
        from core.adaptation.style.cut.config import CutConfig
        from core.adaptation.style.cut.generator import GeneratorConfig

        course: dict[str, Any] = {
            "steps": self.steps,
            "learning_rate": self.learning_rate,
            "limit_minutes": self.limit,
            "seed": self.seed,
            "device": self.device.lower(),
        }
        if self.size == Size.FULL.name:
            return CutConfig.published(**course)
        if self.size == Size.OWN.name:
            course["generator"] = GeneratorConfig(width=self.width, blocks=self.blocks)
            course["patch_size"] = self.patch_size
        return CutConfig(**course)


def _read(table: Any, column: str, ctx: Any, name: str) -> "tuple[list[str], list[Image], list[str]]":
    """The names of the rows with an image, these images, and a warning about the others.

    Raises
    ------
    UserInputError : a damaged cell, or no image at all.
    Canceled : the user stopped the work.
    """
    from core.errors import Canceled, UserInputError

    names, images, skipped = [], [], []
    for row in rows(table):
        if ctx.is_canceled():
            raise Canceled
        ctx.set_progress(0.0, f"Reading {row.id}")
        try:
            image = row.image(column)
        except UserInputError as error:
            raise error.at(name) from None
        if image is None:
            skipped.append(row.id)
            continue
        names.append(str(row))
        images.append(image)
    if not images:
        raise UserInputError(
            f"The table has no row with an image in column {column!r}.", where=name, todo="Give at least one image."
        )
    warning = f"{name}: {amount(len(skipped), 'row')} without image skipped: {listed(skipped)}."
    return names, images, [warning] if skipped else []


def _history_columns() -> list[Any]:
    return [knext.Column(kind(), name) for name, _, kind in HISTORY]
