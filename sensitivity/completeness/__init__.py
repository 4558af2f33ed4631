"""Complete correlations of a given order, and what they see of a geometry."""
