"""Star-convex polygons: distances, suppression, rendering; numba kernels and their numpy twins. Rims of objects."""
