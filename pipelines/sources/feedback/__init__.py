"""One module per feedback system: its columns and how they map onto the canonical schemas."""
