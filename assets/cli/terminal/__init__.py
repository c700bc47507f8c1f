"""What every command shares at the terminal: options, settings and configuration, output, and exit codes."""
