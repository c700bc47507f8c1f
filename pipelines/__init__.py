"""The data flow from exports to published tables, as plain functions without Dagster or scikit-learn."""
