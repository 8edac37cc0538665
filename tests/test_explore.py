"""Frozen widgets reproduce every state; live ones answer; bad input is refused by name."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from thermolib import _svg, figures
from thermolib.explore import MAX_STATES, Range, calculator, control, explore, format_value

SLIDER = control([1.0, 2.0, 4.0], label="slope", unit="kT", default=2.0)


def line(slope, kind="work", steps=False):
    figure, axes = figures.new_figure()
    x = np.linspace(0, 1, 50)
    axes.plot(x, slope * x, color=figures.COLORS[kind])
    if steps:
        axes.axhline(1.0, color=figures.COLORS["bound"])
        axes.text(0, 1.1, f"slope < {slope}")
    axes.set(xlabel="x", ylabel="y (kT)", ylim=(0, 4))
    return figure, {"slope (kT)": slope, "kind": kind}


def parse(widget_html):
    svg = re.search(r"<svg.*</svg>", widget_html, re.DOTALL).group()
    data = re.search(r'<script type="application/json">(.*)</script>', widget_html, re.DOTALL)
    return svg, json.loads(data.group(1))


def play(svg, slots, state):
    """What the page's script does: fill the slots of one state."""
    root = ElementTree.fromstring(svg)
    for element in list(root.iter()):
        for k in element.attrib.pop("data-slot", "").split():
            slot = slots[int(k)]
            value = slot["v"][slot["i"][state]]
            if slot["a"]:
                element.set(slot["a"], value)
            else:
                inner = ElementTree.fromstring(f"<g>{value}</g>")
                element.text, element[:] = inner.text, list(inner)
    return root


def without_empty_attributes(root):
    """An attribute set to nothing draws like one that is not there."""
    for element in root.iter():
        for key in [k for k, v in element.attrib.items() if v == ""]:
            del element.attrib[key]
    return ElementTree.canonicalize(_svg.text(root))


def test_every_state_is_reproduced_exactly():
    widget = explore(
        line, alt="A line.", slope=SLIDER, kind=["work", "heat"], steps=control([False, True])
    )
    svg, data = parse(widget.frozen_html())
    prefix = re.search(r'id="(x\w{6}-)', svg).group(1)
    assert len(widget.states()) == widget.count == 12
    frames = widget.frames(prefix)
    assert len({_svg.text(tree) for tree, _ in frames}) == 12
    for number, (tree, values) in enumerate(frames):
        shown = play(svg, data["slots"], number)
        assert without_empty_attributes(shown) == without_empty_attributes(tree)
        assert data["readouts"][number] == [format_value(v) for v in values.values()]


def test_the_page_shows_the_default_before_any_script():
    widget = explore(line, alt="A line.", slope=SLIDER, kind=control(["work", "heat"]))
    svg, data = parse(widget.frozen_html())
    default = widget.states().index({"slope": 2.0, "kind": "work"})
    shown = ElementTree.fromstring(svg)
    for element in shown.iter():
        element.attrib.pop("data-slot", None)
    filled = without_empty_attributes(play(svg, data["slots"], default))
    assert without_empty_attributes(shown) == filled
    assert "<dd>2.00</dd>" in widget.frozen_html()


def test_frozen_html_is_deterministic():
    make = lambda: explore(line, alt="A line.", slope=SLIDER).frozen_html()  # noqa: E731
    assert make() == make()


def test_thirty_states_of_three_curves_stay_small():
    import gzip

    def curves(tau):
        figure, axes = figures.new_figure()
        x = np.linspace(0, 1, 400)
        for n, name in enumerate(("work", "heat", "bound")):
            y = np.exp(-x * tau / 6) * np.sin((6 + tau / 3) * x + n)
            axes.plot(x, y, color=figures.COLORS[name], label=name)
        axes.set(ylim=(-1, 1))
        axes.legend(loc="upper right")
        return figure

    text = explore(curves, alt="Three curves.", tau=range(30)).frozen_html()
    assert len(gzip.compress(text.encode())) < 60_000


def test_text_of_a_figure_is_escaped():
    widget = explore(line, alt='<b>"x"</b>', slope=SLIDER, steps=control([True, False]))
    text = widget.frozen_html()
    assert "<b>" not in text
    assert "slope &lt; 2.0" in text


def test_the_live_widget_answers_its_controls():
    widget = explore(line, alt="A line.", slope=SLIDER, kind=["work", "heat"])
    slider, select, picture, readout = widget.live().children
    before = picture.value
    assert readout.value == "slope (kT): 2.00; kind: work"
    slider.value = 4.0
    select.value = "heat"
    assert readout.value == "slope (kT): 4.00; kind: heat"
    assert picture.value != before


def test_notebooks_store_a_short_stable_text(monkeypatch):
    monkeypatch.delenv(figures.FROZEN_VARIABLE, raising=False)
    widget = explore(line, alt="A line.", slope=SLIDER)
    assert repr(widget) == "Interactive figure (slope)"
    assert widget._repr_mimebundle_()["text/plain"] == repr(widget)
    monkeypatch.setenv(figures.FROZEN_VARIABLE, "1")
    assert set(widget._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_a_calculator_shows_its_default_to_the_last_digit():
    double = calculator(
        lambda T: {"2T": 2 * T}, "({T}) => [2 * T]", T=Range(0.01, 1000, 300, "temperature", "K", log=True)
    )
    text = double.frozen_html()
    assert "<dd>600</dd>" in text and "300 K" in text
    slider, table = double.live().children
    slider.value = 100.0
    assert "<dd>200</dd>" in table.value


@pytest.mark.parametrize(
    "value, text",
    [(0, "0.00"), (1.6104, "1.61"), (-0.6931, "-0.693"), (0.0123, "0.0123"), (299.99, "300"),
     (4.57e12, "4.57e+12"), (-2.871e-21, "-2.87e-21"), ("left", "left"), (12345, "12345"),
     (0.99999, "1.000"), (0.00123, "0.00123")],
)  # fmt: skip
def test_format_value(value, text):
    assert format_value(value) == text


def test_figures_carry_only_colors_with_a_meaning():
    @figures.styled
    def plot():
        figure, axes = figures.new_figure()
        axes.plot([0, 1], color="#ff00ff")
        return figure

    with pytest.raises(ValueError, match="figures.COLORS, got #ff00ff"):
        _svg.svg_tree(plot(), "a-")


def test_svg_has_no_color_that_ignores_the_theme():
    text = _svg.text(_svg.svg_tree(figures.styled(line)(1.0, steps=True)[0], "a-"))
    bare = re.sub(r"var\(--wtc-\w+,#\w{6}\)", "", text)
    assert "#" not in re.sub(r'(href=|url\()"?#', "", bare)


def test_compact_path_keeps_every_point():
    rng = np.random.default_rng(1)
    points = np.cumsum(rng.normal(scale=3.0, size=(200, 2)), axis=0)
    d = "M {} {} ".format(*points[0]) + "".join(f"L {x} {y} " for x, y in points[1:]) + "z"
    tokens = re.findall(r"[Mlz]|-?(?:\d+\.?\d*|\.\d+)", _svg._compact_path(d))
    assert tokens[0] == "M" and tokens[3] == "l" and tokens[-1] == "z"
    steps = np.array([float(t) for t in tokens if t not in "Mlz"]).reshape(-1, 2)
    assert np.abs(np.cumsum(steps, axis=0) - points).max() <= 0.05 + 1e-9


def test_compact_path_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="got 'A'"):
        _svg._compact_path("M 0 0 A 1 1 0 0 0 1 1")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: explore(line, alt="x", slope=range(20), kind=[str(k) for k in range(16)]),
         f"at most {MAX_STATES} states, got 20 x 16 = 320"),
        (lambda: explore(line, alt=" ", slope=SLIDER), "alt must say"),
        (lambda: explore(line, alt="x"), "at least one control"),
        (lambda: control([1]), "at least two values"),
        (lambda: control([1, 1]), "must differ"),
        (lambda: control([1, "a"]), "of one type"),
        (lambda: control([1, np.inf]), "must be finite"),
        (lambda: control([1, 2], default=3), "default must be one of .* got 3"),
        (lambda: Range(1, 0, 1, "x"), "low must be less than high, got 1 and 0"),
        (lambda: Range(0, 1, 2, "x"), r"default must lie in \[0, 1\], got 2"),
        (lambda: Range(0, 1, 1, "x", log=True), "low must be positive .* got 0"),
        (lambda: calculator(lambda: {}, "() => []"), "at least one control"),
        (lambda: format_value(float("nan")), "must be finite, got nan"),
    ],
)  # fmt: skip
def test_bad_input_names_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_plot_function_must_return_a_figure():
    with pytest.raises(ValueError, match="return a Figure, got int"):
        explore(lambda a: a, alt="x", a=[1, 2]).render({"a": 1})


def test_every_state_must_have_the_same_axes():
    def plot(a):
        return figures.new_figure(1, a)[0]

    with pytest.raises(ValueError, match=r"every state must have 1 axes, got 2 at {'a': 2}"):
        explore(plot, alt="x", a=control([1, 2], default=1)).frozen_html()


def test_the_layout_is_that_of_the_default_state():
    def plot(high):
        figure, axes = figures.new_figure()
        axes.plot([0, high], [0, high], color=figures.COLORS["work"])
        return figure

    frames = explore(plot, alt="x", high=control([1, 100000], default=1)).frames("x-")
    spines = [[e.get("d") for e in tree.iter("path")][-4:] for tree, _ in frames]
    assert spines[0][-2:] == spines[1][-2:]


def test_every_state_must_report_the_same_results():
    with pytest.raises(ValueError, match=r"every state must report \['2'\], got \['1'\] at"):
        explore(lambda a: (Figure(), {str(a): a}), alt="x", a=[1, 2]).frozen_html()
