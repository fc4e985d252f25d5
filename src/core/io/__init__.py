"""Files: one module per format family."""
