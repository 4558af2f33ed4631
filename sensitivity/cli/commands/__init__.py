"""The commands, one per file: ``add`` adds each to the parser."""
