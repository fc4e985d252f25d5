"""Gives every test `knime.extension`: KNIME's own if MICROSEG_BACKEND is "knime", otherwise the stand-in."""

from tests.backends import prepare

prepare()
