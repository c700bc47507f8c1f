"""The tables about craft: times to stages, crafts at risk, combinations, the skill map, who taught whom."""
