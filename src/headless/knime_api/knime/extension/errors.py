"""Errors that nodes raise."""


class InvalidParametersError(Exception):
    """The settings or inputs cannot be worked with; users see the message alone."""
