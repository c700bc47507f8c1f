"""One module per learning system: its columns and how they map onto the canonical schemas."""
