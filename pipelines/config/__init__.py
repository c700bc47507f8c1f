"""footsteps.yaml and the settings of a run, validated."""
