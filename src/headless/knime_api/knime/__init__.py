"""Stands in for KNIME's package of the same name where KNIME is not installed."""
