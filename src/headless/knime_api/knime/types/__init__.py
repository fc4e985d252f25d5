"""Values of special cells."""
