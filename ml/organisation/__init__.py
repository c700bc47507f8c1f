"""What the histories of all people tell about units and crafts: practice, support, times to a stage, combinations."""
