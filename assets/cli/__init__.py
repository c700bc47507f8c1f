"""What each command of the front door does, one module a command."""
