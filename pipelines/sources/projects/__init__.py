"""One module per project or time-tracking system: its columns and how they map onto the canonical schemas."""
