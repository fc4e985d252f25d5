"""Study: neuromuscular junctions, counted with few labels and with none."""
