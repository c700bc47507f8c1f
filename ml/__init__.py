"""Learning: plain functions and small scikit-learn estimators."""

import os

# Threads that wait by spinning starve everybody else on a busy machine; read when scikit-learn is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
