"""KNIME nodes: read the table, call the library, write the table. One file per node."""
