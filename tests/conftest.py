"""Tests of nodes run on KNIME's own package where MICROSEG_BACKEND=knime says so, on our stand-in otherwise."""

import os

import headless

if os.environ.get("MICROSEG_BACKEND") != "knime":
    headless.install_api()
