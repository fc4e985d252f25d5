"""Models that learn to see with another microscope."""
