"""Images as another microscope would have taken them."""
