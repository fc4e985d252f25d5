"""How two sets of images differ, without labels, and what can be done about it."""
