"""What complete correlations of a given order see of a geometry."""
