"""Thresholds that are used in more than one module, in one table.

A number that only tunes one algorithm stays with that algorithm.
"""


class Tolerance:
    """Values, units and reasons; "rms" is a root mean square over atoms, in Å."""

    # Sine of an angle between two subspaces: a thousand times the rounding of a projector.
    PARALLEL = 1e-6
    # Å. An atom nearer to the cutoff than this fades as the square of its distance from it:
    # singular values vanish because the atom is barely seen.
    FADING = 0.02
    # Å, rms. Coordinates published to 1e-6 Å are known to this accuracy: atoms nearer than this to
    # a line are on it, and a point passed this closely is reached.
    COORDINATES = 1e-5
    # Å. Atoms nearer than this coincide: the last digit of published coordinates.
    ONE_PLACE = 1e-6
    # Fraction of the scale above which a displacement is visible. Coordinates rounded to 1e-6 Å
    # leave up to 6e-6 in place of zero, over all environments of G2 molecules of up to ten atoms.
    RANK = 1e-5
    # Relative difference of singular values, made equal by symmetry, of such coordinates.
    EQUAL_BY_SYMMETRY = 1e-6
    # Fraction of the largest singular value below which two are equal: a hundred times rounding.
    EQUAL = 1e-12
    # Fraction of the largest value below which a number is rounding: far above double-precision
    # errors of sums and decompositions, far below the effect of 1e-6 Å.
    ROUNDING = 1e-9
    # Å, rms. A group nearer than this is exact: lattices have errors of 1e-14.
    EXACT_SYMMETRY = 1e-8
    # Ratio of deviations that have different origins; noise disturbs some operations a few times
    # less than others.
    CLEAR_GAP = 3.0
    # Å, root mean square. Published coordinates are rounded to 1e-4 Å or better; diagnose, bands,
    # and the groups of environments take ten times that.
    POSITIONS = 1e-3
    # Å, rms, a tenth of a bond: at this distance a geometry is another one, not a perturbed one.
    OTHER_GEOMETRY = 0.1
    # Å, root mean square: ten times POSITIONS. Singular points nearer to each other than this are
    # one, and a search that avoids symmetry keeps this distance from it.
    NEARLY_EQUAL = 1e-2
    # Å, and of relative values: rounding of coordinates near 1 Å, a thousand times that of doubles.
    EXACT = 1e-12
    # Smallest over largest singular value: a thousand times their rounding.
    SINGULAR = 1e-12
    # Smallest over largest singular value: rounding; no further step can reduce it.
    ROUNDED_CONDITION = 1e-14
    # Of the norm of the features: agreement up to a hundred times their rounding.
    SAME_FEATURES = 1e-13
    # Of the norm of the features: above the effect of SAME_FEATURES in another basis or in complete
    # correlations, and below what truncation hides.
    DIFFERENT_FEATURES = 1e-10
