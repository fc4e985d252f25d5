"""Objects measured and counted."""
