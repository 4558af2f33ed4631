"""One file per command: ``add`` gives it to the parser."""
