"""The configuration of a company (footsteps.yaml) and the settings of a run, validated."""
