"""From ranked steps to recommendation rows: motives, reasons, counterfactuals, companions; and squads to choose."""
