"""Time the built pages in Chromium: how soon the first one answers, and how fast every widget redraws.

Prints two tables and the machine they were measured on. Needs `make book` and an installed Chromium.
"""

import argparse
import functools
import gzip
import math
import os
import platform
import statistics
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import ARGUMENTS, BOOK, QuietHandler, QuietServer, find_browser  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

#: The connection: seconds until an answer begins, and bytes per second. (Chromium's own emulation stalls now and then.)
LATENCY, SPEED = 0.040, 10e6 / 8
CHUNK = 6250
#: When the text was painted, when all scripts had run, and when the formulas were set; in ms from the start.
MILESTONES = """async () => {
    await window.MathJax?.startup?.promise;
    const formulas = performance.now();
    const [navigation] = performance.getEntriesByType('navigation');
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return [paint.startTime, navigation.domContentLoadedEventEnd, formulas];
}"""

#: For every control of a widget, from an input event just after a frame: until script and layout are done, and until
#: the next frame is. In ms; a display of 60 Hz has a frame every 16.7 ms.
INPUT_TO_PAINT = """async (widget, rounds) => {
    const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    widget.scrollIntoView({block: 'center'});
    const times = [];
    for (const field of widget.fields) {
        for (let k = 0; k < rounds; k++) {
            await frame();
            const start = performance.now();
            if (field.type === 'range') field.value = (k * 7) % (+field.max + 1);
            else if (field.type === 'checkbox') field.checked = !field.checked;
            else field.selectedIndex = k % field.length;
            field.dispatchEvent(new Event('input', {bubbles: true}));
            widget.getBoundingClientRect();
            const work = performance.now() - start;
            await frame();
            times.push([work, performance.now() - start]);
        }
    }
    return times;
}"""


@functools.cache
def compressed(path: Path) -> bytes:
    """What a server sends for a file, and whether it compressed it."""
    return path.read_bytes() if path.suffix in (".woff", ".woff2", ".png") else gzip.compress(path.read_bytes(), 6)


class SlowLineHandler(QuietHandler):
    """Compresses text and keeps its connections, as a server of a public site does, at the end of a slow line."""

    protocol_version = "HTTP/1.1"
    line = threading.Lock()

    def setup(self):
        super().setup()
        time.sleep(LATENCY)  # opening a connection takes a round trip, too

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return self.send_error(404)
        data = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(data)))
        if data[:2] == b"\x1f\x8b":
            self.send_header("Content-Encoding", "gzip")
        time.sleep(LATENCY)
        self.end_headers()
        for begin in range(0, len(data), CHUNK):
            chunk = data[begin : begin + CHUNK]
            with self.line:  # all connections share it
                time.sleep(len(chunk) / SPEED)
            self.wfile.write(chunk)


def first_visits(browser, address: str, path: str, rounds: int) -> list[float]:
    """Medians of the milestones of a page, each time with an empty cache."""
    times = []
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(f"{address}/{path}", wait_until="load")
        times.append(page.evaluate(MILESTONES))
        context.close()
    return [statistics.median(column) for column in zip(*times)]


def redraws(browser, address: str, path: str, rounds: int) -> list[list[tuple[float, float]]]:
    """For each widget of a page the times of all its redraws."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/{path}", wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise.then(() => true)")
    times = [widget.evaluate(INPUT_TO_PAINT, rounds) for widget in page.query_selector_all(".wtc-explore")]
    context.close()
    return times


def machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="first visits of a page, and inputs of a control (7)")
    rounds = parser.parse_args().rounds
    chapters = sorted(path.relative_to(BOOK).as_posix() for path in (BOOK / "chapters").glob("*.html"))
    server = QuietServer(
        ("127.0.0.1", 0), functools.partial(SlowLineHandler, directory=BOOK)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        print(f"{machine()}; Chromium {browser.version}")
        print(f"\nFirst visit, 10 Mbit/s, 40 ms, empty cache, compressed; medians of {rounds}, in ms")
        print("| page | text painted | interactive | formulas set |\n|---|---|---|---|")
        for path in ("index.html", *chapters):
            cells = " | ".join(f"{t:.0f}" for t in first_visits(browser, address, path, rounds))
            print(f"| {path} | {cells} |", flush=True)
        print(f"\nInput to paint, {rounds} inputs for each control, in ms: median and 95th percentile.")
        print("Each input comes just after a frame; a frame in which nothing happens ends 16.7 ms later.")
        print("| widget | script and layout | next frame |\n|---|---|---|")
        everything = []
        for path in chapters:
            for number, times in enumerate(redraws(browser, address, path, rounds), 1):
                everything += times
                print(f"| {Path(path).stem} {number} | {spread(times)} |", flush=True)
        print(f"| all | {spread(everything)} |")
        browser.close()
    server.shutdown()


def spread(times: list[tuple[float, float]]) -> str:
    """Median and 95th percentile of both times, as two cells of a table."""
    columns = [sorted(column) for column in zip(*times)]
    return " | ".join(f"{statistics.median(c):.1f}, {c[math.ceil(0.95 * len(c)) - 1]:.1f}" for c in columns)


if __name__ == "__main__":
    main()
