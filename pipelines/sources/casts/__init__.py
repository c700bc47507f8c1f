"""How text becomes a value: one module per kind of value, each with one parser for all systems."""
