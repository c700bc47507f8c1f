"""`footsteps practice`: events that footsteps.yaml declares, examined on the practice of units."""
