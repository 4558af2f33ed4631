"""Figures of results. They compute nothing, and take their colours from their axes."""

from sensitivity.plots.bands_plot import plot_bands
from sensitivity.plots.comparison_plot import plot_comparison
from sensitivity.plots.convergence_plot import plot_convergence
from sensitivity.plots.modes import plot_displacement, plot_mode, save_overview
from sensitivity.plots.palette import COLORS, MARKERS, SERIES, style
from sensitivity.plots.responses import plot_responses
from sensitivity.plots.singular_values import plot_diagnosis, plot_path, plot_spectrum

__all__ = [
    "COLORS",
    "MARKERS",
    "SERIES",
    "plot_bands",
    "plot_comparison",
    "plot_convergence",
    "plot_diagnosis",
    "plot_displacement",
    "plot_mode",
    "plot_path",
    "plot_responses",
    "plot_spectrum",
    "save_overview",
    "style",
]
