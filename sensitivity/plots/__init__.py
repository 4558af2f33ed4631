"""Figures of results. They compute nothing, and take their colours from their axes."""

from sensitivity.plots.bands_plot import plot_bands
from sensitivity.plots.comparison_plot import plot_comparison
from sensitivity.plots.convergence_plot import plot_convergence
from sensitivity.plots.modes import plot_displacement, plot_mode, save_overview
from sensitivity.plots.palette import COLORS, MARKERS, SERIES, style
from sensitivity.plots.reach_plot import plot_reach
from sensitivity.plots.responses import plot_responses
from sensitivity.plots.singular_values import (
    plot_diagnosis,
    plot_path,
    plot_session,
    plot_spectrum,
)
from sensitivity.plots.smallest_plot import plot_smallest
from sensitivity.plots.survey_plot import plot_condition, plot_environment, plot_survey

__all__ = [
    "COLORS",
    "MARKERS",
    "SERIES",
    "plot_bands",
    "plot_comparison",
    "plot_condition",
    "plot_convergence",
    "plot_diagnosis",
    "plot_displacement",
    "plot_environment",
    "plot_mode",
    "plot_path",
    "plot_reach",
    "plot_responses",
    "plot_session",
    "plot_smallest",
    "plot_spectrum",
    "plot_survey",
    "save_overview",
    "style",
]
