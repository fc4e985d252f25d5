"""The library: images in, instances and counts out. It has never heard of KNIME or of tables."""
