"""What assets and checks share in a run: the pipeline resource, its lock, loggers, metadata and column lineage."""
