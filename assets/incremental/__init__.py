"""Assets that recompute only what changed: the decorator, its automation condition, the search for new records."""
