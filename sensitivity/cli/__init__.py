"""What stands behind the command line: options, and what runs for a long time."""
