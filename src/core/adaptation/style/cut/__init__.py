"""Contrastive unpaired translation: a network learns a style from images without pairs (Park et al. 2020)."""
