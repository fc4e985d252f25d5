"""Put a trained model into the second template, as the model that it starts from: `make weights`.

    python workflows/start_model.py MODEL

Weights are stored in half precision.
"""

import sys
from pathlib import Path

from core.io.write import atomic
from core.model import SegmentationModel

TARGET = Path(__file__).resolve().parent / "02_Retrain_with_four_images" / "data" / "nuclei_fluorescence.microseg"


def main(source: Path) -> None:
    """Write the model with its name and licence."""
    model = SegmentationModel.load(source)
    about = {"name": "nuclei_fluorescence", "licence": "BSD-3-Clause; trained on BBBC038 (CC0-1.0) only"}
    model.with_config(provenance={**model.config.provenance, **about})
    with atomic(TARGET) as part:
        part.write_bytes(model.to_bytes(half=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
