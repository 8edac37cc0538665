"""House style: one color per meaning, and SVG that follows the reader's theme.

Every figure of the book is drawn with the colors of :data:`COLORS` on a
transparent ground. When the book is built each of them becomes a CSS variable,
so that one drawing serves the light and the dark theme.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import matplotlib as mpl
from matplotlib.figure import Figure

#: What a color means, everywhere in the book. The values are the light theme's;
#: ``web/explore.css`` gives the dark theme's under the same names. The hues are
#: spread after Okabe and Ito, so that color-blind readers can tell them apart.
COLORS = {
    "ink": "#1f2328",  # axes, text
    "muted": "#6a737d",  # what is there for orientation
    "grid": "#d8dde3",
    "paper": "#ffffff",  # ground behind a legend
    "work": "#0072b2",
    "heat": "#c84e00",
    "bound": "#7a3e9d",  # a law: nothing is allowed below it
    "exact": "#3d4550",  # a closed form or a numerically exact solution
    "simulation": "#008a63",
    "information": "#9a6c00",
    "experiment": "#b0407f",
}

STYLE = {
    "figure.figsize": (5.6, 3.3),
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": COLORS["ink"],
    "axes.labelcolor": COLORS["ink"],
    "axes.titlecolor": COLORS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": False,
    "axes.titlesize": 11,
    "axes.prop_cycle": mpl.cycler(
        color=[COLORS[k] for k in ("work", "heat", "simulation", "bound", "information")]
    ),
    "axes.formatter.use_mathtext": False,
    "text.color": COLORS["ink"],
    "xtick.color": COLORS["ink"],
    "ytick.color": COLORS["ink"],
    "grid.color": COLORS["grid"],
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "what-thinking-costs",
    "path.simplify_threshold": 0.1,
}

#: The book build sets this variable; it is what "frozen" means.
FROZEN_VARIABLE = "THERMOLIB_FROZEN"

def frozen() -> bool:
    """True during the book build, where figures and widgets have to live without a kernel."""
    return os.environ.get(FROZEN_VARIABLE) == "1"


def use_style() -> None:
    """Draw in the book's style from here on; call it once at the top of a notebook.

    In a notebook figures appear as PNG at twice the screen resolution; in the
    book build as SVG, which the build makes follow the reader's theme.
    """
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    mpl.rcParams.update(STYLE)
    inline = {"bbox_inches": None}
    if frozen():
        set_matplotlib_formats("svg", metadata={"Date": None}, **inline)
    else:
        # On paper, so that a dark notebook does not swallow dark ink.
        set_matplotlib_formats("retina", facecolor=COLORS["paper"], **inline)


def styled(plot: Callable) -> Callable:
    """Run a plotting function in the book's style, whatever the global settings are."""

    @functools.wraps(plot)
    def wrapper(*args, **kwargs):
        with mpl.rc_context(STYLE):
            return plot(*args, **kwargs)

    return wrapper


def new_figure(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, object]:
    """A figure that no global state knows of, and its axes as `plt.subplots` returns them.

    `options` go to `Figure.subplots`, but for `size` (width, height in inches).
    """
    figure = Figure(figsize=options.pop("size", None), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)
