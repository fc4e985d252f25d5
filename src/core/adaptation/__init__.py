"""Models for images of another microscope, of which there are no labels."""
