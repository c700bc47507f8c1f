"""What is told about crafts, compared with a simulated company whose truth is known."""
