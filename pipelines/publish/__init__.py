"""Publishing: immutable snapshots behind one atomic pointer."""
