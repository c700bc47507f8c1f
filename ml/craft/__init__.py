"""What the histories of all people tell about a craft: how long it takes, who is left, what combines, where it lies."""
