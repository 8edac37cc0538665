"""What all pages share, made light: MathJax without its menu, icons that are used, no search index."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

#: MathJax in the order in which its parts need each other. The package's own bundle adds a menu of the same size again.
MATHJAX = ("startup", "core", "input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml")
MATHJAX_FONT = re.compile(r"/mathjax/(output/chtml/fonts/woff-v2/[^/]+\.woff)$")
#: The name of an icon, and the rule that gives it a character: `.fa-bars:before,.fa-navicon:before{content:"\f0c9"}`.
ICON = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r'(?:\.fa-[a-z0-9-]+:before,?)+\{content:"\\([0-9a-f]+)"\}')
CHARACTER = re.compile(r'"\\([ef][0-9a-f]{3})"')
FONT_FILES = 'fa-solid-900.woff2) format("woff2"),url(../vendor/fontawesome/webfonts/fa-solid-900.ttf) format("truetype")'


def bundle_mathjax(static: Path) -> None:
    """Put MathJax beside the pages, as one script and its fonts, so that they need no network."""
    package = [Path(str(file.locate())) for file in importlib.metadata.files("sphinx-mathjax-offline")]
    root = next(path.parent for path in package if path.name == "startup.js")
    target = static / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    parts = [(root / f"{name}.js").read_text(encoding="utf-8") for name in MATHJAX]
    # The loader starts once the whole script has run, and by then it must know what is there.
    names = ", ".join(f'"{name}"' for name in MATHJAX)
    parts.insert(1, f"MathJax.loader.preLoad({names});")
    (target / "tex-chtml.js").write_text("\n".join(parts), encoding="utf-8")
    fonts = [path for path in package if MATHJAX_FONT.search(path.as_posix())]
    if len(fonts) < 20:
        raise RuntimeError(f"MathJax must come with its fonts, found {len(fonts)}")
    for path in fonts:
        destination = target / path.relative_to(root)
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, destination)


def subset_icons(static: Path) -> None:
    """Cut the icon font and its style sheet down to the icons that pages name, scripts add or other rules draw."""
    names = set()
    for path in (*static.parent.rglob("*.html"), *static.rglob("*.js")):
        names.update(ICON.findall(path.read_text(encoding="utf-8")))
    used = set()

    def keep_used(rule: re.Match) -> str:
        if names.isdisjoint(ICON.findall(rule.group())):
            return ""
        used.add(rule.group(1))
        return rule.group()

    sheet = static / "styles" / "pydata-sphinx-theme.css"
    css = ICON_RULE.sub(keep_used, sheet.read_text(encoding="utf-8"))
    for path in static.rglob("*.css"):
        used.update(CHARACTER.findall(css if path == sheet else path.read_text(encoding="utf-8")))
    if not used or css.count(FONT_FILES) != 1:
        raise RuntimeError(f"the theme's icons are not where they were: {sheet}")
    sheet.write_text(css.replace(FONT_FILES, 'fa-solid-900.woff) format("woff")'), encoding="utf-8")
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    font = TTFont(fonts / "fa-solid-900.ttf", recalcTimestamp=False)
    cutter = subset.Subsetter()
    cutter.populate(unicodes=[int(code, 16) for code in used])
    cutter.subset(font)
    font.flavor = "woff"
    font.save(fonts / "fa-solid-900.woff")
    for name in ("fa-solid-900.ttf", "fa-solid-900.woff2"):
        (fonts / name).unlink()


def drop_unused(static: Path) -> None:
    """The script that draws the icons a second time weighs 1.5 MB; maps serve who debugs the theme."""
    (static / "scripts" / "fontawesome.js").write_text("")
    for path in static.rglob("*.map"):
        path.unlink()


def open_first_page(app: Sphinx) -> None:
    """The address of the book shows its first page; the book tool would only put a page there that leads on."""
    first = Path(app.outdir) / f"{app.config.root_doc}.html"
    page = first.read_text(encoding="utf-8")
    canonical = f'<link rel="canonical" href="{first.name}" />\n</head>'
    (first.parent / "index.html").write_text(page.replace("</head>", canonical, 1), encoding="utf-8")


def lighten(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    drop_unused(static)
    subset_icons(static)
    bundle_mathjax(static)
    open_first_page(app)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
