"""How much adaptation helps to find mitochondria on the images of another electron microscope."""
