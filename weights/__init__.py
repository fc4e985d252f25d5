"""How the models in `src/core/pretrained` are trained: `make weights`."""
