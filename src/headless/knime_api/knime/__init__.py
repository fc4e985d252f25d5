"""A small stand-in for KNIME's package `knime`, for where there is no KNIME.

It has the public names that our nodes use, and behaves like KNIME's own package for them: a node that runs on one runs
on the other, with the same results. Tests run the same nodes on both. It is written afresh from the documented
behaviour, and left out of the bundle that KNIME installs.
"""
