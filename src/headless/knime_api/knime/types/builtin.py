"""Values of the special cells that KNIME itself knows."""


class DenseByteVectorValue(bytes):
    """Bytes in a cell."""
