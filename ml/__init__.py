"""Learning: plain functions and small scikit-learn estimators."""
