"""Model bundles on disk, the registry of champion and challenger, and promotion between them."""
