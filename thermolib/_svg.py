"""Matplotlib's SVG, made small and made to follow the reader's theme."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from thermolib.figures import COLORS, STYLE

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
_TOKEN = re.compile(r"[MLHVCSQTAZmlhvcsqtaz]|-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
_VARIABLES = {hexa: f"var(--wtc-{name},{hexa})" for name, hexa in COLORS.items()}



def _short(value: float) -> str:
    """One decimal, no trailing zero, no leading zero: '.5', '-3', '12.4'."""
    text = f"{value:.1f}".removesuffix(".0")
    if text in ("-0", ""):
        text = "0"
    return re.sub(r"^(-?)0\.", r"\1.", text)


def _compact_path(d: str) -> str:
    """The same path with coordinates at one decimal, relative to the point before."""
    tokens = _TOKEN.findall(d)
    size = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}
    pieces: list[str] = []
    last, command = "", ""
    x = y = x0 = y0 = 0  # tenths, so that rounding does not drift
    position = 0
    while position < len(tokens):
        if tokens[position].isalpha():
            command = tokens[position]
            position += 1
            if command not in ("M", "L", "Q", "C", "Z", "z"):
                raise ValueError(f"path command must be one of M L Q C Z z, got {command!r}")
        count = size[command.upper()]
        numbers = [round(10 * float(t)) for t in tokens[position : position + count]]
        position += count
        if count == 0:
            pieces.append("z")
            x, y, last = x0, y0, "z"
            continue
        steps = [v - (y if i % 2 else x) for i, v in enumerate(numbers)]
        x, y = numbers[-2:]
        if command == "M":
            x0, y0 = x, y
            pieces.append("M" + _join(numbers))
            last, command = "M", "L"
            continue
        text = _join(steps)
        name = command.lower()
        pieces.append((name if name != last else ("" if text[0] == "-" else " ")) + text)
        last = name
    return "".join(pieces)


def _join(tenths: Sequence[int]) -> str:
    text = ""
    for value in tenths:
        number = _short(value / 10)
        text += number if not text or number[0] == "-" else " " + number
    return text


def _theme_style(style: str) -> str:
    """Palette colors become CSS variables; what is a default or says nothing goes."""
    kept = []
    for rule in filter(None, (r.strip() for r in style.split(";"))):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if value in _VARIABLES:
            value = _VARIABLES[value]
        elif value.startswith("#"):
            raise ValueError(f"figure colors must come from figures.COLORS, got {value}")
        if name == "font-family" or (name, value) == ("stroke-linejoin", "miter"):
            continue
        kept.append(f"{name}:{value}")
    return ";".join(kept)


def svg_tree(figure: Figure, prefix: str) -> ElementTree.Element:
    """A figure as a themed, minified SVG element; ids in it start with `prefix`.

    Raises ValueError for a color outside :data:`COLORS`, which would not follow the theme.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _minify(ElementTree.fromstring(buffer.getvalue()), prefix)


def _minify(root: ElementTree.Element, prefix: str) -> ElementTree.Element:
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style") or (
                child.tag == f"{{{SVG}}}defs" and all(c.tag == f"{{{SVG}}}style" for c in child)
            ):
                parent.remove(child)
    text = ElementTree.tostring(root, encoding="unicode")
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{SVG}}}")
        element.text = element.text if element.tag in ("text", "tspan") else None
        element.tail = None
        for key, value in list(element.attrib.items()):
            name = key.removeprefix(f"{{{XLINK}}}")
            del element.attrib[key]
            if name == "id":
                if value not in used:
                    continue
                value = prefix + value
            elif name == "href":
                value = "#" + prefix + value[1:]
            elif name == "clip-path":
                value = value.replace("url(#", f"url(#{prefix}")
            elif name == "d":
                value = _compact_path(value)
            elif name == "transform" and value.startswith("rotate(-0 "):
                continue
            elif name == "style":
                value = _theme_style(value)
                if not value:
                    continue
            else:
                value = _NUMBER.sub(lambda m: _short(float(m.group())), value)
            element.set(name, value)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("class", "wtc-svg")
    root.set("aria-hidden", "true")
    _merge_groups(root)
    return root


def _merge_groups(element: ElementTree.Element) -> None:
    """Drop what draws nothing: <g> around a single artist and invisible grounds."""
    children = []
    for child in element:
        _merge_groups(child)
        if child.tag == "path" and child.get("style") == "fill:none":
            continue
        if child.tag == "g" and not child.attrib and len(child) < 2:
            children.extend(child)
        else:
            children.append(child)
    element[:] = children


def text(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def theme_text(svg: str, prefix: str) -> str:
    """The themed form of an SVG that matplotlib wrote."""
    return text(_minify(ElementTree.fromstring(svg), prefix))
