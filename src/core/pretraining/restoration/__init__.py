"""Restoring images that were made worse: what was lost can be guessed by who knows what such images look like."""
