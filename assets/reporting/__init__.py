"""Plots and the HTML report of an evaluation, for the command line and for asset metadata."""
