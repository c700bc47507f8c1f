"""One module per HR system: its columns and how they map onto the canonical schemas."""
