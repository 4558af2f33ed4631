"""The command line interface: commands, options, and long computations."""
