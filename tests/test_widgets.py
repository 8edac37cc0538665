"""The widgets of the built pages: what they show, by whatever they are worked, and how fast."""

import random
from pathlib import Path

import pytest
from browser import BOOK, CHAPTERS, Watched

import chapters

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("over", ["http", "file"])
@pytest.mark.parametrize("path", CHAPTERS)
def test_widgets_answer_the_keyboard(context, address, path, over):
    watched = Watched(context, address if over == "http" else BOOK.as_uri())
    page = watched.open(path)
    widgets = page.locator(".wtc-explore")
    assert widgets.count() >= 2
    for k in range(widgets.count()):
        widget = widgets.nth(k)
        look = "e => e.querySelector('.wtc-svg')?.outerHTML + e.querySelector('.wtc-readout')?.textContent"
        start = widget.evaluate(look)
        fields = widget.locator("input, select")
        for i in range(fields.count()):
            field = fields.nth(i)
            assert field.evaluate("f => f.labels.length") == 1
            before = widget.evaluate(look)
            shown = field.evaluate("f => f.nextElementSibling?.textContent")
            field.focus()
            checkbox = field.get_attribute("type") == "checkbox"
            at_end = field.evaluate("f => f.type === 'range' ? f.value === f.max : f.selectedIndex === f.length - 1")
            key = "Space" if checkbox else "ArrowLeft" if at_end else "ArrowRight"
            for _ in range(1 if checkbox else 20):  # a small step may not show in three digits
                page.keyboard.press(key)
                if widget.evaluate(look) != before:
                    break
            assert widget.evaluate(look) != before, f"control {i} of widget {k} changes nothing"
            if field.get_attribute("type") == "range":
                text = field.evaluate("f => f.nextElementSibling.textContent")
                assert text != shown and text == field.get_attribute("aria-valuetext")
        widget.locator("button[type=reset]").focus()
        page.keyboard.press("Enter")
        for _ in range(100):  # the reset happens after the key, soon
            if widget.evaluate(look) == start:
                break
            page.wait_for_timeout(20)
        assert widget.evaluate(look) == start, f"reset does not bring widget {k} back"
    assert not watched.faults


def accessibility_tree(page, element) -> list[dict]:
    """What Chromium tells a screen reader about an element and all in it: role, name, value, properties."""
    session = page.context.new_cdp_session(page)
    element.evaluate("e => (window.probe = e)")
    node = session.send("Runtime.evaluate", {"expression": "probe"})["result"]["objectId"]
    nodes = session.send("Accessibility.queryAXTree", {"objectId": node})["nodes"]
    session.detach()
    return [
        {
            **{key: n[key].get("value") for key in ("role", "name", "value") if key in n},
            **{p["name"]: p["value"].get("value") for p in n["properties"]},
        }
        for n in nodes
        if not n["ignored"]
    ]


def named(tree, *roles) -> dict[str, dict]:
    return {n["name"]: n for n in tree if n["role"] in roles}


@pytest.mark.parametrize("path", CHAPTERS)
def test_a_screen_reader_hears_controls_values_and_results(context, address, path):
    watched = Watched(context, address)
    watched.page.clock.install()
    page = watched.open(path)
    page.clock.pause_at("2100-01-01")
    widgets = page.locator(".wtc-explore")
    for k, live in enumerate(chapters.widgets(Path(path).stem)):
        widget = widgets.nth(k)
        tree = accessibility_tree(page, widget)
        assert tree[0]["role"] == "group" and tree[0]["name"] == live.title
        if isinstance(live, chapters.Exploration):
            assert list(named(tree, "image")) == [live.alt]
        controls = named(tree, *KEYS)
        assert list(controls) == [c.label for c in live.controls.values()]
        assert list(named(tree, "button")) == ["Reset"]
        assert [n["role"] for n in tree if n.get("live", "off") != "off"] == ["status"], "one voice only"
        for i, (name, control) in enumerate(controls.items()):
            widget.evaluate(COUNT_WORDS)
            field = widget.locator("input, select").nth(i)
            field.focus()
            for key in KEYS[control["role"]]:
                page.keyboard.press(key)
            # The results are said once, and only when the control rests.
            assert widget.evaluate("e => e.said") == 0
            page.clock.run_for(1000)
            assert widget.evaluate("e => e.said") == 1
            results = widget.evaluate(
                "e => [...e.querySelectorAll('dt')].map(t => `${t.textContent}: ${t.nextElementSibling.textContent}`)"
            )
            tree = accessibility_tree(page, widget)
            voice = next(at for at, n in enumerate(tree) if n.get("live") == "polite")
            assert results and tree[voice + 1]["name"] == "; ".join(results)
            now = named(tree, *KEYS)[name]
            if now["role"] == "slider":  # Chromium's protocol tells only the number of the two values
                assert 0 < now["value"] == field.evaluate("f => +f.value")
                assert field.get_attribute("aria-valuetext") == field.evaluate("f => f.nextElementSibling.textContent")
            elif now["role"] == "combobox":
                assert now["value"] == field.evaluate("f => f.options[f.length - 1].textContent")
            else:
                assert now["checked"] != control["checked"]
    assert not watched.faults


#: What turns a control, by its role.
KEYS = {"slider": ["Home", "ArrowRight", "ArrowRight"], "combobox": ["Home", "End"], "checkbox": ["Space"]}

COUNT_WORDS = """e => {
    e.said = 0;
    e.watch?.disconnect();
    e.watch = new MutationObserver(() => e.said++);
    e.watch.observe(e.querySelector('[role=status]'), {childList: true, characterData: true, subtree: true});
}"""


@pytest.mark.parametrize("path", CHAPTERS)
def test_frozen_widgets_agree_with_python(context, address, path):
    """Some states of each widget, picked by a fixed seed, against the plot function itself."""
    page = Watched(context, address).open(path)
    live = chapters.widgets(Path(path).stem)
    frozen = page.locator(".wtc-explore")
    assert frozen.count() == len(live)
    rng = random.Random(2025)
    for k, widget in enumerate(live):
        element = frozen.nth(k)
        if isinstance(widget, chapters.Calculator):
            for _ in range(50):
                check_calculator(element, widget, rng)
            continue
        states = widget.states()
        for number in rng.sample(range(len(states)), min(6, len(states))):
            shown = element.evaluate(SHOW_STATE, number)
            _, values = widget.render(states[number])
            assert shown["readout"] == [chapters.format_value(v) for v in values.values()]
        assert element.evaluate(ALL_STATES_DRAW, len(states)) == []


#: Put the controls into state number n, as a reader would, and read what the page says.
SHOW_STATE = """(e, n) => {
    let rest = n;
    for (let k = e.fields.length - 1; k >= 0; k--) {
        const field = e.fields[k], position = rest % e.sizes[k];
        rest = Math.floor(rest / e.sizes[k]);
        if (field.type === 'checkbox') field.checked = (position === 1) !== (field.dataset.first === '1');
        else field.value = position;
    }
    e.form.dispatchEvent(new Event('input', {bubbles: true}));
    return {state: +e.dataset.state, readout: [...e.querySelectorAll('.wtc-readout dd')].map(d => d.textContent)};
}"""

ALL_STATES_DRAW = (
    "(e, count) => {const show = "
    + SHOW_STATE
    + """;
    const bad = [];
    for (let n = 0; n < count; n++) {
        const shown = show(e, n);
        if (shown.state !== n) bad.push(`state ${n} shows ${shown.state}`);
        if (/NaN|nan|Infinity/.test(e.querySelector('.wtc-svg').outerHTML + shown.readout)) bad.push(`state ${n} is not finite`);
    }
    return bad;
}"""
)


def check_calculator(element, widget, rng):
    positions = [rng.randint(0, c.STEPS) for c in widget.controls.values()]
    got = element.evaluate(
        """(e, positions) => {
            e.fields.forEach((f, k) => (f.value = positions[k]));
            e.form.dispatchEvent(new Event('input', {bubbles: true}));
            return {values: e.values, results: e.results, text: [...e.querySelectorAll('dd')].map(d => d.textContent)};
        }""",
        positions,
    )
    expected = widget.function(**got["values"])
    assert got["results"] == pytest.approx(list(expected.values()), rel=1e-9, abs=1e-30)
    for text, value in zip(got["text"], expected.values()):
        assert float(text) == pytest.approx(value, rel=5.1e-3, abs=5.1e-6)


@pytest.mark.parametrize("path", CHAPTERS)
def test_widgets_paint_within_50_ms(context, address, path):
    """From an input event to the frame after it, 95th percentile over all widgets of the page.

    Simulations run at the same time on the other core and can only add to it: the best round counts.
    """
    page = Watched(context, address).open(path)
    rounds = []
    for _ in range(8):
        times = sorted(page.evaluate(INPUT_TO_PAINT))
        rounds.append(times[int(0.95 * len(times))])
        if rounds[-1] <= 50:
            return
        page.wait_for_timeout(2000)
    pytest.fail(f"95th percentiles of all rounds, in ms: {rounds}")


INPUT_TO_PAINT = """async () => {
    const times = [];
    const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    for (const e of document.querySelectorAll('.wtc-explore')) {
        e.scrollIntoView({block: 'center'});
        const field = e.fields.find(f => f.type === 'range') ?? e.fields[0];
        for (let k = 0; k < 20; k++) {
            await frame();
            const start = performance.now();
            if (field.type === 'range') field.value = k % (+field.max + 1);
            else if (field.type === 'checkbox') field.checked = !field.checked;
            else field.selectedIndex = k % field.length;
            field.dispatchEvent(new Event('input', {bubbles: true}));
            await frame();
            times.push(performance.now() - start);
        }
    }
    return times;
}"""


def test_widgets_print_their_default_and_work_without_a_script(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{CHAPTERS[0]}")
    widget = page.locator("wtc-explore").first
    assert widget.locator("svg").is_visible()
    assert not widget.locator("form").is_visible()
    context.close()
