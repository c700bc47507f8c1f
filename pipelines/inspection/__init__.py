"""A folder of exports, inspected: the system of each file, mappings of own tables, and a footsteps.yaml for all."""
