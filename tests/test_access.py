"""The built pages for who listens, uses a keyboard or a thumb, reads in the dark, or cannot bear what moves."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from browser import CHAPTERS, PAGES, Watched
from PIL import Image

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
PHONE, SMALL, DESK = 360, 320, 1280


@pytest.fixture(scope="module")
def axe():
    """The accessibility checker; without it the tests skip, or fail in CI."""
    if not AXE.exists():
        message = f"no accessibility checker, {AXE} (`make test` installs it where there is npm)"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return AXE.read_text(encoding="utf-8")


def open_page(browser, address, path):
    # Without motion, so that what is measured is not on its way from one theme to another.
    context = browser.new_context(viewport={"width": DESK, "height": 900}, reduced_motion="reduce")
    return Watched(context, address).open(path)


@pytest.fixture(scope="module", params=PAGES)
def page(request, browser, address):
    """Every page, opened once for all tests, in the order of this file."""
    page = open_page(browser, address, request.param)
    yield page
    page.context.close()


@pytest.fixture
def chapter(browser, address):
    """A chapter that nobody has touched yet."""
    page = open_page(browser, address, CHAPTERS[0])
    yield page
    page.context.close()


def look(page, width: int, scheme: str = "light"):
    """See the page at another width or in another theme, all solutions unfolded."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => (d.open = true))")
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.wait_for_timeout(400)  # the theme looks for what scrolls 300 ms after the window changed


def violations(page, axe: str) -> list[str]:
    if not page.evaluate("!!window.axe"):
        page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return [f"{v['id']}: {n['html'][:300]} {n['failureSummary']}" for v in found for n in v["nodes"]]


# --- the keyboard: first, on pages as they load -------------------------------------------


TAB_STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')].filter(
    e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true}))"""

NEXT_STOP = """() => {
    const e = document.activeElement;
    if (e === document.body || reached.has(e)) return null;
    reached.add(e);
    const faults = [], name = e.outerHTML.slice(0, 160);
    const style = getComputedStyle(e);
    if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) faults.push(`no outline: ${name}`);
    if (!e.checkVisibility({opacityProperty: true, visibilityProperty: true})) faults.push(`not visible: ${name}`);
    const box = e.getClientRects()[0];
    const middle = (low, high, size) => (Math.max(low, 0) + Math.min(high, size)) / 2;
    const top = document.elementFromPoint(middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight));
    if (!top || !(e.contains(top) || top.contains(e))) faults.push(`covered by ${top?.outerHTML.slice(0, 80)}: ${name}`);
    return faults;
}"""


def test_the_tab_key_reaches_everything_and_shows_where_it_is(page):
    page.evaluate("window.reached = new Set()")
    faults = []
    page.keyboard.press("Tab")
    while (found := page.evaluate(NEXT_STOP)) is not None:
        faults += found
        page.keyboard.press("Tab")
    missed = page.evaluate(f"({TAB_STOPS})().filter(e => !reached.has(e)).map(e => e.outerHTML.slice(0, 160))")
    assert page.evaluate("reached.size") > 20
    assert not faults + missed, "\n".join(faults + missed)


def test_the_first_tab_stop_skips_to_the_text(chapter):
    chapter.keyboard.press("Tab")
    skip = chapter.locator(":focus")
    assert skip.text_content() == "Skip to main content"
    box = skip.bounding_box()
    assert box["y"] >= 0 and box["height"] > 10
    chapter.keyboard.press("Enter")
    chapter.keyboard.press("Tab")
    assert chapter.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_solution_unfolds_by_keyboard(chapter):
    summary = chapter.locator("main details > summary").first
    assert summary.evaluate("s => s.parentElement.open") is False
    summary.focus()
    for key, is_open in (("Enter", True), ("Space", False)):
        chapter.keyboard.press(key)
        assert summary.evaluate("s => s.parentElement.open") is is_open


def test_search_and_theme_answer_the_keyboard(chapter):
    dialog = chapter.get_by_role("dialog", name="Search")
    chapter.keyboard.press("Control+k")
    assert dialog.is_visible() and dialog.get_by_role("searchbox").evaluate("f => f === document.activeElement")
    chapter.keyboard.press("Escape")
    assert not dialog.is_visible()
    modes = set()
    for _ in range(3):
        chapter.get_by_role("button", name="Color mode").focus()
        chapter.keyboard.press("Enter")
        modes.add(chapter.evaluate("document.documentElement.dataset.mode"))
    assert modes == {"light", "dark", "auto"}


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_a_sidebar_opens_and_closes_on_a_phone(chapter, side):
    look(chapter, PHONE)
    toggle = chapter.get_by_role("button", name=f"Toggle {side} sidebar")
    toggle.focus()
    chapter.keyboard.press("Enter")
    dialog = chapter.locator(f"#pst-{side}-sidebar-modal")
    assert dialog.is_visible() and dialog.get_by_role("navigation").is_visible()
    assert dialog.evaluate("d => d.contains(document.activeElement)")
    assert too_small(chapter, f"#pst-{side}-sidebar-modal :is(a, button)") == []
    dialog.get_by_role("button", name="Close").focus()
    chapter.keyboard.press("Enter")
    assert not dialog.is_visible()
    assert toggle.is_visible()


def test_a_button_of_the_header_keeps_the_focus(chapter):
    look(chapter, DESK)
    for name in ("Toggle primary sidebar", "Download this page", "Color mode"):
        button = chapter.get_by_role("button", name=name)
        button.focus()
        chapter.keyboard.press("Enter")
        chapter.wait_for_timeout(100)
        assert button.evaluate("b => b === document.activeElement"), name
        chapter.keyboard.press("Escape")


def test_a_tap_makes_a_figure_larger_on_a_phone(chapter):
    look(chapter, PHONE)
    for figure in (chapter.locator("main .cell_output > .wtc-figure, main .output > .wtc-figure").first,
                   chapter.locator("main wtc-explore .wtc-figure").first):
        size = figure.locator("text").first
        small = size.bounding_box()["height"]
        assert figure.bounding_box()["width"] > PHONE - 16
        figure.click()
        assert size.bounding_box()["height"] > 1.8 * small and size.bounding_box()["height"] > 15
        assert chapter.evaluate("document.documentElement.scrollWidth") <= PHONE
        assert figure.evaluate("f => f.scrollLeft > 0 && f.tabIndex === 0")
        figure.click()
        assert size.bounding_box()["height"] == small


# --- the accessibility checker -------------------------------------------------------------


@pytest.mark.parametrize("width, scheme", [(DESK, "light"), (PHONE, "dark")])
def test_axe_finds_nothing(page, axe, width, scheme):
    look(page, width, scheme)
    faults = violations(page, axe)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_axe_finds_nothing_in_what_opens(chapter, axe, width, scheme):
    """What is the same on all pages, in all widths and themes, with whatever opens open."""
    look(chapter, width, scheme)
    faults = violations(chapter, axe)
    opened = [("button", "Download this page"), ("button", "Search")]
    if width == PHONE:
        opened += [("button", "Toggle primary sidebar"), ("button", "Toggle secondary sidebar")]
    for role, name in opened:
        chapter.get_by_role(role, name=name).locator("visible=true").first.click()
        faults += [f"{name}: {v}" for v in violations(chapter, axe)]
        chapter.keyboard.press("Escape")
    assert faults == []


def test_axe_finds_nothing_in_the_results_of_a_search(browser, address, axe):
    page = open_page(browser, address, "search.html?q=heat")
    page.locator("#search-results li").first.wait_for()
    faults = violations(page, axe)
    page.context.close()
    assert faults == []


# --- what a picture says -------------------------------------------------------------------


def test_every_image_says_what_it_shows(page):
    texts = page.evaluate(
        """() => [
            ...[...document.querySelectorAll('main img')].map(i => i.alt),
            ...[...document.querySelectorAll('main svg.wtc-svg')]
                .map(s => s.closest('[role=img]')?.getAttribute('aria-label') ?? ''),
        ]"""
    )
    assert [t for t in texts if len(t.split()) < 8 or Path(t.split()[-1]).suffix in (".png", ".svg")] == []


# --- small screens -------------------------------------------------------------------------


def too_small(page, selector: str) -> list[str]:
    """What is visible and smaller than a thumb, 44 x 44 CSS pixels; a checkbox counts with its label."""
    return page.evaluate(
        """selector => [...document.querySelectorAll(selector)].filter(e => {
            if (!e.checkVisibility({visibilityProperty: true})) return false;
            const boxes = [e, ...(e.type === 'checkbox' ? e.labels : [])].map(b => b.getBoundingClientRect());
            const size = (low, high) => Math.max(...boxes.map(b => b[high])) - Math.min(...boxes.map(b => b[low]));
            return Math.min(size('left', 'right'), size('top', 'bottom')) < 43.9;
        }).map(e => `${Math.round(e.offsetWidth)} x ${Math.round(e.offsetHeight)}: ${e.outerHTML.slice(0, 160)}`)""",
        selector,
    )


def test_controls_are_large_enough_for_a_thumb(page):
    look(page, PHONE)
    assert too_small(page, "button, input, select, summary, .prev-next-area a") == []


#: What reaches out of the page or is cut off, and what scrolls in itself but not by keyboard.
LOST = """() => {
    const faults = [], name = e => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 60)}`;
    const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1;
    const inside = new Set();  // of something that scrolls: reached by scrolling it
    for (const e of document.querySelectorAll('main *')) {
        if (inside.has(e.parentElement)) { inside.add(e); continue; }
        const box = e.getBoundingClientRect(), style = getComputedStyle(e);
        if (box.width <= 1 || !e.checkVisibility({visibilityProperty: true}) || e.closest('svg, mjx-container > *')) continue;
        if (scrolls(e)) {
            inside.add(e);
            if (e.tabIndex !== 0) faults.push(`does not scroll by keyboard: ${name(e)}`);
        } else if (['hidden', 'clip'].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1)
            faults.push(`cut off: ${name(e)}`);
        if (box.right > innerWidth + 1 || box.left < -1) faults.push(`out of the page: ${name(e)}`);
    }
    return faults;
}"""


def test_pages_fit_a_small_phone(page):
    look(page, SMALL)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    faults = page.evaluate(LOST)
    assert not faults, "\n".join(faults)


# --- motion --------------------------------------------------------------------------------


def test_nothing_moves_for_who_asked_for_less_motion(page):
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap(e => ['', '::before', '::after'].map(part => {
            const style = getComputedStyle(e, part);
            const still = style.animationName === 'none' && /^(0s,? ?)*$/.test(style.transitionDuration);
            return still && style.scrollBehavior === 'auto' ? null : `${e.tagName}.${e.className}${part}`;
        })).filter(Boolean)"""
    )
    assert moving == []


# --- the two themes ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_stand_out_from_the_page_in_both_themes(page, scheme):
    """Contrast (WCAG) of every figure color against the page: text 4.5, lines 3."""
    look(page, DESK, scheme)
    colors = page.evaluate(
        """() => {
            const probe = document.body.appendChild(document.createElement('i'));
            const names = new Set([...document.documentElement.innerHTML.matchAll(/var\\(--wtc-(\\w+)/g)].map(m => m[1]));
            const read = (value) => {
                probe.style.color = value;
                return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
            };
            const page = getComputedStyle(document.querySelector('.bd-content')).getPropertyValue('--pst-color-background');
            const colors = {page: read(page), ...Object.fromEntries([...names].map(n => [n, read(`var(--wtc-${n})`)]))};
            probe.remove();
            return colors;
        }"""
    )

    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground = luminance(colors.pop("page"))
    assert "ink" in colors or not page.locator("main .wtc-svg").count()
    for name, rgb in colors.items():
        if name in ("grid", "paper"):
            continue
        bright, dim = sorted((luminance(rgb), ground), reverse=True)
        contrast = (bright + 0.05) / (dim + 0.05)
        assert contrast >= (4.5 if name == "ink" else 3.0), f"{name}: {contrast:.2f}"


def light_boxes(picture: np.ndarray, side: int = 12) -> int:
    """How many squares of `side` pixels are all lighter than the ink, the lightest color that a figure has in the dark."""
    bright = picture.astype(float) @ [0.2126, 0.7152, 0.0722] > 235
    rows, columns = (n // side for n in bright.shape)
    return int(bright[: rows * side, : columns * side].reshape(rows, side, columns, side).all(axis=(1, 3)).sum())


def test_light_boxes_are_counted():
    picture = np.full((120, 120, 3), 18)
    picture[::4] = 255  # lines and letters
    picture[:, 90:] = 227  # a bar, in ink
    assert light_boxes(picture) == 0
    picture[30:70, 30:70] = 255
    assert light_boxes(picture) > 0


def test_no_light_box_in_the_dark(page):
    look(page, DESK, "dark")
    grounds = page.evaluate(LIGHT_GROUNDS)
    assert not grounds, "\n".join(grounds)
    figures = page.locator("main .wtc-svg, main img")
    boxes = {}
    for k in range(figures.count()):
        picture = Image.open(io.BytesIO(figures.nth(k).screenshot())).convert("RGB")
        if count := light_boxes(np.asarray(picture)):
            boxes[k] = count
    assert boxes == {}


#: Elements of some size on a ground of their own that is light.
LIGHT_GROUNDS = """() => [...document.querySelectorAll('body *')].filter(e => {
    const [red, green, blue, alpha = 1] = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
    const box = e.getBoundingClientRect();
    return Math.min(box.width, box.height) >= 12 && box.bottom > 0 && e.checkVisibility({opacityProperty: true, visibilityProperty: true})
        && alpha * (0.2126 * red + 0.7152 * green + 0.0722 * blue) > 150;
}).map(e => e.outerHTML.slice(0, 160))"""
