"""What must hold: asset checks on contracts and publications, and the health of a data root."""
