"""Telling magnifications apart: who knows how large a patch shows things must have found the things."""
