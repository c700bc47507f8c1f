"""The simulated company as its systems export it, with planted errors."""
