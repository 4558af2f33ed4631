"""Geometry of sets of points: rigid motions, superposition, subspaces of displacements."""
