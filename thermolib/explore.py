"""One plot function, two lives: live in a kernel, frozen in the book.

`explore(plot, ...)` takes a function that returns a figure and lets the reader
turn its parameters. With a kernel it shows ipywidgets. While the book is built
it computes every state of the grid of controls instead and emits one HTML
element that needs nothing but the page's own script: the SVG of the default
state, native form controls, and for every state only what differs.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import hashlib
import html
import itertools
import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import ipywidgets
from matplotlib.figure import Figure

from thermolib import _svg, figures

#: More states than this make a page heavy and a build slow.
MAX_STATES = 300

Values = Mapping[str, "float | str"]


@dataclass(frozen=True)
class Control:
    """One parameter of a plot: the values it can take and how they read.

    Build it with :func:`control`. `kind` is "slider", "select" or "toggle".
    """

    values: tuple
    texts: tuple[str, ...]
    default: int
    label: str
    kind: str


def control(
    values: Sequence, *, default=None, label: str | None = None, unit: str = "", format: str = "{:g}"
) -> Control:
    """A control over `values`: numbers make a slider, strings a select, booleans a toggle.

    values: in the order in which the control runs through them. default: the one shown first; unless
    given the middle one of numbers, the first of others. label: what the reader sees; the parameter's
    name unless given. unit, format: how a number reads, as in "4 kT".

    Raises ValueError for fewer than two values, mixed or repeated ones, or a default not among them.
    """
    values = tuple(v.item() if hasattr(v, "item") else v for v in values)
    if len(values) < 2:
        raise ValueError(f"a control needs at least two values, got {values!r}")
    if len(set(values)) != len(values):
        raise ValueError(f"the values of a control must differ, got {values!r}")
    if all(isinstance(v, bool) for v in values):
        kind, texts = "toggle", tuple("on" if v else "off" for v in values)
    elif all(isinstance(v, str) for v in values):
        kind, texts = "select", values
    elif all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        if not all(math.isfinite(v) for v in values):
            raise ValueError(f"the values of a control must be finite, got {values!r}")
        kind = "slider"
        texts = tuple(f"{format.format(v)} {unit}".rstrip() for v in values)
    else:
        raise ValueError(f"the values of a control must be of one type, got {values!r}")
    if default is None:
        default = values[len(values) // 2] if kind == "slider" else values[0]
    if default not in values:
        raise ValueError(f"the default must be one of the values {values!r}, got {default!r}")
    return Control(values, texts, values.index(default), label or "", kind)


def _named_controls(controls: Mapping[str, Control | Sequence]) -> dict[str, Control]:
    if not controls:
        raise ValueError("explore needs at least one control, got none")
    made = {}
    for name, given in controls.items():
        if isinstance(given, bool):
            given = control((False, True), default=given)
        elif not isinstance(given, Control):
            given = control(given)
        label = given.label or name.replace("_", " ")
        made[name] = replace(given, label=label)
    return made


def format_value(value: float | str) -> str:
    """Three significant digits, as every readout of the book shows a number."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"a readout must be finite, got {value!r}")
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        decimals = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        return f"{value:.{min(decimals, 5)}f}"
    return f"{value:.2e}"


def readout_text(values: Values) -> str:
    """The readout as one line of text: 'work: 1.61 kT; bound: 0.693 kT'."""
    return "; ".join(f"{name}: {format_value(value)}" for name, value in values.items())


class _TwoLives:
    """Something a notebook displays: live with a kernel, frozen while the book is built."""

    title: str
    controls: Mapping[str, Control | Range]

    def __repr__(self) -> str:
        return f"{self.title} ({', '.join(c.label for c in self.controls.values())})"

    def _repr_mimebundle_(self, include=None, exclude=None):
        if figures.frozen():
            return {"text/html": self.frozen_html(), "text/plain": repr(self)}
        return {**self.live()._repr_mimebundle_(), "text/plain": repr(self)}


class Exploration(_TwoLives):
    """What :func:`explore` returns. Displayed, it is live or frozen; see the module's text."""

    title = "Interactive figure"

    def __init__(self, plot: Callable, alt: str, controls: Mapping[str, Control | Sequence]):
        if not alt.strip():
            raise ValueError("alt must say what the figure shows, got an empty text")
        self.plot = figures.styled(plot)
        self.alt = alt
        self.controls = _named_controls(controls)
        self.count = math.prod(len(c.values) for c in self.controls.values())
        if self.count > MAX_STATES:
            sizes = " x ".join(str(len(c.values)) for c in self.controls.values())
            raise ValueError(
                f"an exploration must have at most {MAX_STATES} states, got {sizes} = {self.count}"
            )

    def states(self) -> list[dict]:
        """Every combination of the controls' values, the last control running fastest."""
        grids = [c.values for c in self.controls.values()]
        return [dict(zip(self.controls, combination)) for combination in itertools.product(*grids)]

    def render(self, state: Mapping) -> tuple[Figure, Values]:
        """Figure and readout of one state."""
        result = self.plot(**state)
        figure, values = result if isinstance(result, tuple) else (result, {})
        if not isinstance(figure, Figure):
            raise ValueError(f"a plot function must return a Figure, got {type(figure).__name__}")
        return figure, values

    # -- in a kernel ---------------------------------------------------------------------

    def live(self) -> ipywidgets.Widget:
        """The figure under ipywidgets controls; redrawn when one of them moves."""
        inputs = {name: _live_input(c) for name, c in self.controls.items()}
        picture, readout = ipywidgets.HTML(), ipywidgets.HTML()

        def redraw(_change=None):
            figure, values = self.render({name: w.value for name, w in inputs.items()})
            svg = _svg.text(_svg.svg_tree(figure, "live-"))
            # On paper, since a notebook does not tell its theme.
            paper = figures.COLORS["paper"]
            picture.value = f'<div style="max-width:40em;background:{paper}">{svg}</div>'
            readout.value = html.escape(readout_text(values))

        for widget in inputs.values():
            widget.observe(redraw, names="value")
        redraw()
        return ipywidgets.VBox([*inputs.values(), picture, readout])

    # -- in the book ---------------------------------------------------------------------

    def frames(self, prefix: str) -> list[tuple[ElementTree.Element, Values]]:
        """SVG and readout of every state, all in the layout of the default state, so that nothing jumps."""
        figure, _ = self.render(self.states()[self._default()])
        figure.draw_without_rendering()
        places = [axes.get_position() for axes in figure.axes]

        def frame(state: Mapping) -> tuple[ElementTree.Element, Values]:
            figure, values = self.render(state)
            if len(figure.axes) != len(places):
                raise ValueError(
                    f"every state must have {len(places)} axes, got {len(figure.axes)} at {state}"
                )
            figure.set_layout_engine(None)
            for axes, place in zip(figure.axes, places):
                axes.set_position(place)
            return _svg.svg_tree(figure, prefix), values

        with _paused_garbage_collection():
            return [frame(state) for state in self.states()]

    def _default(self) -> int:
        """Where the default is among the states."""
        position = 0
        for c in self.controls.values():
            position = position * len(c.values) + c.default
        return position

    def frozen_html(self) -> str:
        """The self-contained element of all states; its size goes with what differs between them."""
        states, start = self.states(), self._default()
        prefix = "x" + hashlib.sha1(f"{self.alt}{self.controls}".encode()).hexdigest()[:6] + "-"
        trees, readouts = zip(*self.frames(prefix))
        names = list(readouts[start])
        for state, values in zip(states, readouts):
            if list(values) != names:
                raise ValueError(f"every state must report {names}, got {list(values)} at {state}")
        slots: list[dict] = []
        # The template is the default state, so that the page is right before any script runs.
        template = _template([copy.deepcopy(trees[start]), *trees], slots)
        for slot in slots:
            del slot["i"][0]
        data = {
            "slots": slots,
            "readouts": [[format_value(v) for v in values.values()] for values in readouts],
        }
        rows = zip(names, data["readouts"][start])
        return "\n".join(
            [
                f'<wtc-explore class="wtc-explore" role="group" aria-label="{self.title}" '
                f'data-states="{len(states)}">',
                f'<div class="wtc-figure" role="img" aria-label="{html.escape(self.alt)}">',
                _svg.text(template),
                "</div>",
                '<form class="wtc-controls" autocomplete="off">',
                *(_form_row(name, c, prefix) for name, c in self.controls.items()),
                '<button type="reset">Reset</button>',
                "</form>",
                _readout_list(rows),
                _SAID,
                '<script type="application/json">',
                json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/"),
                "</script>",
                "</wtc-explore>",
            ]
        )


def explore(plot: Callable, *, alt: str, **controls: Control | Sequence) -> Exploration:
    """Let the reader turn the parameters of `plot`.

    plot: a function of the named controls that returns a matplotlib Figure, or a Figure and a mapping
    of result names to numbers, which is read out as text. alt: what the figure shows, for who cannot
    see it. controls: by parameter name, a :func:`control`, a sequence of values, or a bool.

    Raises ValueError for more than :data:`MAX_STATES` states and for unusable controls.
    """
    return Exploration(plot, alt, controls)


@contextlib.contextmanager
def _paused_garbage_collection():
    """Figures are webs of cycles; looking through them again and again takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _live_input(c: Control) -> ipywidgets.Widget:
    style = {"description_width": "initial"}
    layout = ipywidgets.Layout(width="28em", max_width="100%")
    options = list(zip(c.texts, c.values))
    value = c.values[c.default]
    if c.kind == "slider":
        return ipywidgets.SelectionSlider(
            options=options, value=value, description=c.label, style=style, layout=layout
        )
    if c.kind == "select":
        return ipywidgets.Dropdown(
            options=options, value=value, description=c.label, style=style, layout=layout
        )
    return ipywidgets.Checkbox(value=value, description=c.label, indent=False)


def _form_row(name: str, c: Control, prefix: str) -> str:
    """A native input with its label; it counts through the values, its text says which."""
    field, label = f"{prefix}{name}", html.escape(c.label)
    texts = html.escape(json.dumps(c.texts, ensure_ascii=False))
    if c.kind == "slider":
        return (
            f'<div class="wtc-row"><label for="{field}">{label}</label>'
            f'<input id="{field}" type="range" min="0" max="{len(c.values) - 1}" step="1" '
            f'value="{c.default}" data-texts="{texts}" '
            f'aria-valuetext="{html.escape(c.texts[c.default])}">'
            f'<output for="{field}" aria-live="off">{html.escape(c.texts[c.default])}</output></div>'
        )
    if c.kind == "select":
        options = "".join(
            f'<option value="{i}"{" selected" if i == c.default else ""}>{html.escape(t)}</option>'
            for i, t in enumerate(c.texts)
        )
        return (
            f'<div class="wtc-row"><label for="{field}">{label}</label>'
            f'<select id="{field}">{options}</select></div>'
        )
    first_is_on = "1" if c.values[0] else "0"
    checked = " checked" if c.values[c.default] else ""
    return (
        f'<div class="wtc-row"><input id="{field}" type="checkbox" '
        f'data-first="{first_is_on}"{checked}><label for="{field}">{label}</label></div>'
    )


#: Where the script puts the results, as one sentence, for a screen reader to say.
_SAID = '<p class="wtc-said" role="status"></p>'


def _readout_list(rows) -> str:
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>"
        for name, text in rows
    )
    if not cells:
        return ""
    return f'<div class="wtc-readout"><dl>{cells}</dl></div>'


def _template(trees: list[ElementTree.Element], slots: list[dict]) -> ElementTree.Element:
    """The first tree, with a numbered slot wherever the others differ from it.

    A slot is an attribute (`a` names it) or an element's content (`a` is empty); `v`
    holds its distinct values and `i`, one entry per tree, which of them applies.
    """
    first = trees[0]
    if len({_svg.text(t) for t in trees}) == 1:
        return first
    found = []
    for name in dict.fromkeys(key for t in trees for key in t.attrib):
        values = [t.get(name, "") for t in trees]
        if len(set(values)) > 1:
            found.append(_slot(name, values))
    if len({(t.text, tuple(c.tag for c in t)) for t in trees}) > 1:
        found.append(_slot("", [_inner(t) for t in trees]))
    else:
        first[:] = [_template([t[k] for t in trees], slots) for k in range(len(first))]
    if found:
        first.set("data-slot", " ".join(str(len(slots) + k) for k in range(len(found))))
        slots.extend(found)
    return first


def _slot(name: str, values: list[str]) -> dict:
    distinct = list(dict.fromkeys(values))
    index = {value: k for k, value in enumerate(distinct)}
    return {"a": name, "v": distinct, "i": [index[value] for value in values]}


def _inner(element: ElementTree.Element) -> str:
    return html.escape(element.text or "", quote=False) + "".join(_svg.text(c) for c in element)


# --- calculators ------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """A continuous control of a calculator; `log` spaces it evenly in the logarithm."""

    low: float
    high: float
    default: float
    label: str
    unit: str = ""
    log: bool = False

    #: Steps of the slider between the two ends.
    STEPS: ClassVar[int] = 200

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be positive on a logarithmic range, got {self.low}")
        if not self.low <= self.default <= self.high:
            raise ValueError(
                f"the default must lie in [{self.low}, {self.high}], got {self.default}"
            )

    def position(self, value: float) -> int:
        """The step of the slider nearest to a value."""
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return round(self.STEPS * (scale(value) - low) / (high - low))


class Calculator(_TwoLives):
    """What :func:`calculator` returns: live it calls Python, frozen the same formula in JavaScript."""

    title = "Calculator"

    def __init__(
        self, function: Callable[..., Values], javascript: str, controls: Mapping[str, Range]
    ):
        if not controls:
            raise ValueError("a calculator needs at least one control, got none")
        self.function, self.javascript, self.controls = function, javascript, dict(controls)

    def live(self) -> ipywidgets.Widget:
        """Sliders over a table of results."""
        inputs = {name: _live_range(c) for name, c in self.controls.items()}
        table = ipywidgets.HTML()

        def recompute(_change=None):
            values = self.function(**{name: w.value for name, w in inputs.items()})
            table.value = _readout_list((k, format_value(v)) for k, v in values.items())

        for widget in inputs.values():
            widget.observe(recompute, names="value")
        recompute()
        return ipywidgets.VBox([*inputs.values(), table])

    def frozen_html(self) -> str:
        """Native sliders, the results at the defaults, and the formula that updates them."""
        prefix = "x" + hashlib.sha1(f"{self.javascript}{self.controls}".encode()).hexdigest()[:6]
        values = self.function(**{name: c.default for name, c in self.controls.items()})
        rows = []
        for name, c in self.controls.items():
            text = html.escape(f"{format_value(c.default)} {c.unit}".rstrip())
            rows.append(
                f'<div class="wtc-row"><label for="{prefix}-{name}">{html.escape(c.label)}</label>'
                f'<input id="{prefix}-{name}" name="{name}" type="range" min="0" max="{c.STEPS}" '
                f'step="1" value="{c.position(c.default)}" aria-valuetext="{text}" '
                f"data-range='{json.dumps([c.low, c.high, c.default, c.log])}' "
                f'data-unit="{html.escape(c.unit)}">'
                f'<output for="{prefix}-{name}" aria-live="off">{text}</output></div>'
            )
        return "\n".join(
            [
                f'<wtc-calculator class="wtc-explore" role="group" aria-label="{self.title}" '
                f'data-formula="{html.escape(self.javascript)}">',
                '<form class="wtc-controls" autocomplete="off">',
                *rows,
                '<button type="reset">Reset</button>',
                "</form>",
                _readout_list((k, format_value(v)) for k, v in values.items()),
                _SAID,
                "</wtc-calculator>",
            ]
        )


def calculator(
    function: Callable[..., Values], javascript: str, **controls: Range
) -> Calculator:
    """A table of results of a closed formula, for controls too many or too fine to tabulate.

    function: of the named controls; returns a mapping of result names to numbers. javascript: the
    same formula as a JavaScript function of one object of the controls, which returns the array of
    results in the same order, as in "({p, T}) => [p * T]"; the page tests compare the two at random
    points. controls: by parameter name, a :class:`Range`.

    Raises ValueError without controls.
    """
    return Calculator(function, javascript, controls)


def _live_range(c: Range) -> ipywidgets.Widget:
    options = dict(
        value=c.default,
        description=c.label,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="28em", max_width="100%"),
        readout_format=".3g",
    )
    if c.log:
        low, high = math.log10(c.low), math.log10(c.high)
        return ipywidgets.FloatLogSlider(min=low, max=high, step=(high - low) / c.STEPS, **options)
    return ipywidgets.FloatSlider(
        min=c.low, max=c.high, step=(c.high - c.low) / c.STEPS, **options
    )
