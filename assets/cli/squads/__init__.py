"""`footsteps squads`: squads proposed to planners."""
