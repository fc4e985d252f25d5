"""Errors that KNIME shows without a traceback."""


class InvalidParametersError(Exception):
    """The settings or the input of a node cannot be worked with; the message is for the user."""
