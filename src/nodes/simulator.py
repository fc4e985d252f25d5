"""Nuclei Simulator."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import NewRows
from nodes.columns import IMAGE, LABELS, png_type, tensor_type
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY

if TYPE_CHECKING:
    from core.image import Image
    from core.simulation.config import SimulationConfig
    from core.simulation.simulate import Scene


class Kind(knext.EnumParameterOptions):
    """What is simulated."""

    HL60 = ("HL60-like nuclei", "Large round nuclei with grainy chromatin and dark nucleoli, as of cultured cells.")
    GRANULOCYTE = (
        "Granulocyte-like nuclei",
        "Nuclei of two to five lobes, bent to a horseshoe; StarDist's polygons only come near to them.",
    )
    TISSUE = (
        "Tissue-like nuclei",
        "Many small nuclei of varied brightness, crowded and touching, above a layer out of focus.",
    )
    RODS = ("Rods (bacteria)", "Rods with round ends, many of them in chains and clusters, some about to divide.")
    SPOTS = ("Spots", "Spots as small as the microscope can show, as of single molecules or vesicles.")


class Levels(knext.EnumParameterOptions):
    """How often the same objects are photographed."""

    ONE = ("One level", "One image of every scene.")
    SEVERAL = ("Several levels", "The same objects at every chosen level, one row each, with the same labels.")


class Level(knext.EnumParameterOptions):
    """How much light there is."""

    HIGH = ("High", "2700 electrons in the brightest pixels: hardly any noise.")
    MEDIUM = ("Medium", "900 electrons: an ordinary image.")
    LOW = ("Low", "360 electrons: noisy.")
    VERY_LOW = ("Very low", "100 electrons: objects nearly drown in noise.")


class Measures(knext.EnumParameterOptions):
    """Where size, number and clustering come from."""

    USUAL = ("Usual for the kind", "As large, as dense and as clustered as usual for the kind of objects.")
    MANUAL = ("Set here", "As set below.")


USUAL_SIZES = (
    "Usual diameters are 65 to 97 pixels for HL60-like, 50 to 80 for granulocyte-like and 16 to 30 for tissue-like "
    "nuclei, 11 to 18 for rods, 4 to 7 for spots."
)
"""Those of `core.simulation.kinds`."""


@knext.parameter_group("Light")
class LightSettings:
    """The less light, the more noise."""

    levels = knext.EnumParameter(
        "Levels of light",
        "Several levels show what noise alone does to a model.",
        Levels.ONE.name,
        Levels,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    level = knext.EnumParameter(
        "Light",
        "How much light the images are made with.",
        Level.MEDIUM.name,
        Level,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    ).rule(knext.OneOf(levels, [Levels.ONE.name]), knext.Effect.SHOW)
    high = knext.BoolParameter("High light", "Make images with 2700 electrons in the brightest pixels.", True).rule(
        knext.OneOf(levels, [Levels.SEVERAL.name]), knext.Effect.SHOW
    )
    medium = knext.BoolParameter("Medium light", "Make images with 900 electrons.", True).rule(
        knext.OneOf(levels, [Levels.SEVERAL.name]), knext.Effect.SHOW
    )
    low = knext.BoolParameter("Low light", "Make images with 360 electrons.", True).rule(
        knext.OneOf(levels, [Levels.SEVERAL.name]), knext.Effect.SHOW
    )
    very_low = knext.BoolParameter("Very low light", "Make images with 100 electrons.", True).rule(
        knext.OneOf(levels, [Levels.SEVERAL.name]), knext.Effect.SHOW
    )

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if no level is chosen."""
        if values["levels"] == Levels.SEVERAL.name and not any(values[one.lower()] for one in Level.get_all_options()):
            raise knext.InvalidParametersError("No level of light is chosen. Choose at least one.")

    def check(self) -> None:
        """The same for the settings in force."""
        names = ["levels", *(level.lower() for level in Level.get_all_options())]
        self.validate({name: getattr(self, name) for name in names})

    def chosen(self) -> list[str]:
        """Names of the levels, the most light first, as the library calls them."""
        if self.levels == Levels.ONE.name:
            return [self.level.lower()]
        return [level.lower() for level in Level.get_all_options() if getattr(self, level.lower())]


@knext.parameter_group("Objects")
class ObjectSettings:
    """How large, how many, how close together. A diameter is that of a disc of the object's area."""

    measures = knext.EnumParameter(
        "Size, number and clustering",
        USUAL_SIZES,
        Measures.USUAL.name,
        Measures,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    smallest = knext.DoubleParameter(
        "Smallest diameter (pixels)",
        "3 to 8192. Choose sizes as in your own images: a model knows objects of the size it has seen.",
        20.0,
        min_value=3.0,
        max_value=8192.0,
    ).rule(knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW)
    largest = knext.DoubleParameter(
        "Largest diameter (pixels)",
        "3 to 8192, at most the image's width and height.",
        40.0,
        min_value=3.0,
        max_value=8192.0,
    ).rule(knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW)
    one_size = knext.BoolParameter(
        "Every image has its own size",
        "Every image draws a diameter from the whole range, and its objects differ from that by 15 % at most: as if it "
        "had its own magnification. Otherwise every image has objects of all sizes.",
        False,
    ).rule(knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW)
    fewest = knext.IntParameter("Fewest objects per image", "0 to 20,000.", 10, min_value=0, max_value=20_000).rule(
        knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW
    )
    most = knext.IntParameter(
        "Most objects per image",
        "0 to 20,000. What finds no room is left out, with a warning.",
        30,
        min_value=0,
        max_value=20_000,
    ).rule(knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW)
    clustering = knext.DoubleParameter(
        "Clustering (0 to 1)",
        "The probability that an object lies at another one: 0 has none that touch, with 1 all are in clusters.",
        0.5,
        min_value=0.0,
        max_value=1.0,
    ).rule(knext.OneOf(measures, [Measures.MANUAL.name]), knext.Effect.SHOW)

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if a range is upside down."""
        if values["measures"] == Measures.USUAL.name:
            return
        if values["smallest"] > values["largest"]:
            raise knext.InvalidParametersError(
                f"The smallest diameter ({values['smallest']:g}) is above the largest ({values['largest']:g}). "
                "Exchange them."
            )
        if values["fewest"] > values["most"]:
            raise knext.InvalidParametersError(
                f"The fewest objects ({values['fewest']}) are more than the most ({values['most']}). Exchange them."
            )

    def check(self) -> None:
        """The same for the settings in force."""
        self.validate({name: getattr(self, name) for name in ("measures", "smallest", "largest", "fewest", "most")})


@knext.parameter_group("Microscope", is_advanced=True)
class MicroscopeSettings:
    """What the optics do to the light of the objects."""

    blur = knext.DoubleParameter(
        "Blur (pixels)",
        "Standard deviation of the Gaussian point spread function, 0 to 10. Spots are blurred by at least a fifth of "
        "their diameter.",
        0.8,
        min_value=0.0,
        max_value=10.0,
    )
    haze = knext.DoubleParameter(
        "Haze (0 to 0.9)",
        "The share of the light that spreads over 10 pixels around; 0.1 is 10 %.",
        0.1,
        min_value=0.0,
        max_value=0.9,
    )
    unevenness = knext.DoubleParameter(
        "Uneven illumination (0 to 0.9)",
        "By how much the darkest corner is darker than the brightest place; 0.15 is 15 %.",
        0.15,
        min_value=0.0,
        max_value=0.9,
    )


COLUMNS = (
    (IMAGE, tensor_type),
    (LABELS, tensor_type),
    ("Name", knext.string),
    ("Kind", knext.string),
    ("Light", knext.string),
    ("Phantom", knext.string),
    ("Object count", knext.int32),
    ("Width", knext.int32),
    ("Height", knext.int32),
    ("Channels", knext.int32),
    ("Pixel size (µm)", knext.double),
)


@knext.node(
    "Nuclei Simulator",
    knext.NodeType.SOURCE,
    "icons/simulator.png",
    CATEGORY,
    id="NucleiSimulator",
    keywords=["simulate", "synthetic", "phantom", "nuclei", "bacteria", "spots", "noise", "HL60", "CytoPacq"],
)
@knext.output_table(
    "Images",
    "One row per image: *Image* with its pixels, *Labels*, *Name*, *Kind* of objects, *Light*, *Phantom* (the same "
    "for images of the same objects), *Object count*, *Width* and *Height* in pixels, *Channels* (1), *Pixel size "
    "(µm)*, and *Image preview*, a picture to look at.",
)
class NucleiSimulator:
    """Makes microscopy images of nuclei, bacteria or spots, and their exact labels.

    Use it where labelled images are scarce: **train a model on simulated images**, then retrain it on a few of your own
    with the *Segmentation Retrainer*. Choose the kind and size of objects that come nearest to yours. Use it also to
    learn how much noise or crowding a model bears, because here the truth is known to the pixel. For images of your own
    take the *Microscopy Image Reader*.

    Objects are drawn at random, none on another; they get chromatin, nucleoli and an outline of their kind, the blur
    and haze of a microscope, uneven illumination, and the noise of photons and of a camera. Labels are the objects'
    outlines before blur and noise. The images are 16-bit and hold the values of a 12-bit camera.

    **Example:** set *Kind of objects* to *HL60-like nuclei*, *Number of images* to 50, *Levels of light* to *Several
    levels*: 200 rows, every image at four levels. Train a *Segmentation Learner* on those with the *Light* "high light"
    and see from which level on it fails. The column *Phantom* is the same for images of the same objects; keep them
    together when you split the table. For images to test on, set another *Seed*: image 1, 2, ... of a seed are always
    the same, however many there are.

    **Limits:** images of 32 to 8192 pixels a side. Two processor cores make 7 (tissue) to 47 (HL60) images of 512 x 512
    pixels a second. One slice is simulated, not a volume, and no dirt, dead or dividing nuclei: models that are to work
    on real images should be retrained on some.

    **Literature:**

    - Wilhelm 2019, thesis, University of Konstanz (the settings, the levels of light, the camera).
    - [Wiesner et al. 2019](https://doi.org/10.1093/bioinformatics/btz417), CytoPacq: a web-interface for simulating
      multi-dimensional cell imaging, Bioinformatics.
    - [Svoboda et al. 2009](https://doi.org/10.1002/cyto.a.20714), Generation of digital phantoms of cell nuclei and
      simulation of image formation in 3D image cytometry, Cytometry A.
    - [Perlin 1985](https://doi.org/10.1145/325334.325247), An image synthesizer, SIGGRAPH (chromatin as fractal noise).
    """

    kind = knext.EnumParameter("Kind of objects", "What is simulated.", Kind.HL60.name, Kind)
    images = knext.IntParameter(
        "Number of images",
        "How many scenes, 1 to 100,000; with several levels of light, each gives several images.",
        10,
        min_value=1,
        max_value=100_000,
    )
    width = knext.IntParameter("Width (pixels)", "Of an image, 32 to 8192.", 512, min_value=32, max_value=8192)
    height = knext.IntParameter("Height (pixels)", "Of an image, 32 to 8192.", 512, min_value=32, max_value=8192)
    pixel_size = knext.DoubleParameter(
        "Pixel size (µm, 0: none)",
        "Width and height of a pixel that the images state, 0 to 1000. It changes no pixel: sizes are set in pixels.",
        0.124,
        min_value=0.0,
        max_value=1000.0,
    )
    seed = knext.IntParameter(
        "Seed",
        "What chance begins with: the same seed and settings give the same images. 0 to 2,147,483,647.",
        0,
        min_value=0,
        max_value=2**31 - 1,
    )
    previews = knext.BoolParameter("Append previews", "Append a picture of each image that KNIME's table shows.", True)
    light = LightSettings()
    objects = ObjectSettings()
    microscope = MicroscopeSettings()

    def configure(self, ctx: Any) -> Any:
        """The columns, which no setting but the previews changes."""
        self._check()
        return knext.Schema.from_columns(self._columns())

    def execute(self, ctx: Any) -> Any:
        """One row per image, those of the same objects one after the other."""
        with plain_errors():
            self._check()
            config, levels = self._config(), self.light.chosen()
            from core.simulation.simulate import simulate_many

            table, crowded = NewRows(self._columns()), []
            for scene, images in simulate_many(config, self.images, levels, progress_of(ctx)):
                if config.count and scene.count < scene.wanted:
                    crowded.append(f"{self._name(scene)} ({scene.count} of {scene.wanted})")
                for level, image in zip(levels, images, strict=True):
                    row = self._row(scene, level, image)
                    table.add(row[2], row)
            if crowded:
                warn(
                    ctx,
                    [
                        f"There was no room for all objects in {amount(len(crowded), 'image')}: {listed(crowded)}. "
                        "Choose fewer or smaller objects, or larger images."
                    ],
                )
            return table.finish()

    def _columns(self) -> list[Any]:
        preview = [knext.Column(png_type(), "Image preview")] if self.previews else []
        return [knext.Column(kind(), name) for name, kind in COLUMNS] + preview

    def _check(self) -> None:
        """Refuse settings that do not fit together."""
        objects = self.objects
        self.light.check()
        objects.check()
        if objects.measures == Measures.MANUAL.name and objects.largest > min(self.width, self.height):
            raise knext.InvalidParametersError(
                f"Objects of {objects.largest:g} pixels do not fit into images of {self.width} x {self.height}. "
                "Choose smaller objects or larger images."
            )

    def _config(self) -> "SimulationConfig":
        """The settings for the library."""
        from core.simulation.config import SimulationConfig

        objects, manual = self.objects, self.objects.measures == Measures.MANUAL.name
        return SimulationConfig(
            kind=self.kind.lower(),
            height=self.height,
            width=self.width,
            diameter=(objects.smallest, objects.largest) if manual else (),
            one_size_per_image=manual and objects.one_size,
            count=(objects.fewest, objects.most) if manual else (),
            clustering=objects.clustering if manual else None,
            pixel_size=self.pixel_size,
            blur=self.microscope.blur,
            haze=self.microscope.haze,
            unevenness=self.microscope.unevenness,
            seed=self.seed,
        )

    def _name(self, scene: "Scene") -> str:
        """What images of the same objects share."""
        return f"{scene.config.kind}_seed{scene.config.seed}_{scene.number:04d}"

    def _row(self, scene: "Scene", level: str, image: "Image") -> list[Any]:
        from core.simulation.camera import LIGHTS
        from core.simulation.kinds import KINDS
        from core.visual import png_bytes, to_display

        phantom = self._name(scene)
        return [
            image,
            scene.labels,
            f"{phantom}_{level}_light",
            KINDS[scene.config.kind].name,
            LIGHTS[level].name,
            phantom,
            scene.count,
            image.size("X"),
            image.size("Y"),
            image.size("C"),
            image.pixel_size.get("X"),
            *([png_bytes(to_display(image))] if self.previews else []),
        ]
