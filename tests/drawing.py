"""What the tests of all figure modules share."""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from thermolib._svg import svg_tree, text
from thermolib.figures import STYLE


@pytest.fixture(autouse=True)
def style():
    """The book's style; importing this name puts a whole test module under it."""
    with mpl.rc_context(STYLE):
        yield


def draws(figure: Figure) -> str:
    """The figure's SVG; making it refuses a color without a meaning."""
    assert isinstance(figure, Figure)
    return text(svg_tree(figure, "t-"))
