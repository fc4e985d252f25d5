"""Images that do not fit in memory: segmented block by block, with the objects that the whole image would give."""
