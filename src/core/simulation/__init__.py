"""Microscopy images whose every object is known: simulated nuclei, bacteria and spots with their labels.

The steps follow Wilhelm 2019, who simulated with CytoPacq (Wiesner et al. 2019, "CytoPacq: a web-interface for
simulating multi-dimensional cell imaging", Bioinformatics 35):

    shapes ──▶ placement ──▶ texture ──▶ optics ──▶ illumination ──▶ camera
    └────────── phantom ───────────┘

`simulate` does all of them. The phantom knows nothing of light, the camera nothing of objects: therefore the same
objects can be photographed at several light levels.
"""
