"""Learning from labelled images: patches, augmentation, the loop, thresholds, transfer."""
