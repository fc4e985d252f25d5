"""Labelled stacks as examples to learn from: one for every slice."""

from core.errors import UserInputError, listed
from core.image import Image, Labels
from core.measurement.pieces import pieces
from core.planes import slices
from core.training.data import Example


def slice_examples(name: str, image: Image, labels: Labels) -> tuple[list[Example], list[str]]:
    """The examples of a labelled image, and warnings: of a stack its slices, of a 2-D image itself.

    A slice is called by its number from 1: "Row 'a', slice 3". What an object shows of itself in a slice are as many
    objects as pieces (`core.measurement.pieces`), since a slice does not tell that they belong together; so masks are
    as good as labels, but for objects that touch. Slices are normalised as the whole stack is.

    Parameters
    ----------
    name : how messages call the image.
    image : 2-D, or a Z-stack.
    labels : int32, axes YX, or ZYX of a stack.

    Raises
    ------
    UserInputError : the labels of a stack are of another size, or some of its pixels are no numbers.
    """
    depth = image.size("Z")
    if depth == 1 or image.size("T") > 1:
        return [Example(name, image, labels)], []
    size = (depth, image.size("Y"), image.size("X"))
    if labels.shape != size:
        raise UserInputError(
            f"The labels are {' x '.join(map(str, labels.shape[::-1]))} pixels, the stack is "
            f"{' x '.join(map(str, size[::-1]))}.",
            where=name,
            todo="Give labels of as many slices as the stack has, each of its size.",
        )
    examples = [
        Example(where, plane, pieces(drawn), stack=name)
        for (where, plane), drawn in zip(slices(image, name), labels, strict=True)
    ]
    empty = [str(z + 1) for z, example in enumerate(examples) if not example.labels.any()]
    if not empty or len(empty) == depth:
        return examples, [f"{name}: no object is labelled in any slice."] if empty else []
    doubt = (
        f"{name}: nothing is labelled in {len(empty)} of {depth} slices ({listed(empty)}); they are taken as pure "
        "background. If nothing was drawn there though objects are to be seen, leave these slices out."
    )
    return examples, [doubt]
