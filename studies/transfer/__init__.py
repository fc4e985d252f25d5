"""How much pretraining helps with few images."""
