"""What a complete first run costs as a company grows: seconds and peak memory of each step."""
