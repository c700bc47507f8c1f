"""Learning systems, one file each."""
