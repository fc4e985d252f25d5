"""Applying a model: engines, tiling, decoding."""
