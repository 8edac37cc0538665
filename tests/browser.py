"""A headless Chromium that can reach nothing but the built book."""

import functools
import http.server
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

import chapters

BOOK = Path(__file__).parents[1] / "_build" / "html"
PAGES = sorted(p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.html") if "_static" not in p.parts)
CHAPTERS = [f"chapters/{path.stem}.html" for path in chapters.PATHS]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_browser() -> str:
    """The path of an installed Chromium or Chrome; without one the tests skip, or fail in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = f"no Chromium or Chrome on this machine (looked for {', '.join(NAMES)})"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return found


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a page that closed while it loaded
            super().handle_error(request, client_address)


class serve:
    """Context manager: the built book over http; gives the address."""

    def __enter__(self) -> str:
        handler = functools.partial(QuietHandler, directory=BOOK)
        self.server = QuietServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


class Watched:
    """A page and everything it should not do: requests to elsewhere, errors, failed loads."""

    def __init__(self, context, base: str):
        self.base, self.faults = base, []
        self.page = context.new_page()
        self.page.on("request", self.check_request)
        self.page.on("requestfailed", lambda r: self.faults.append(f"failed: {r.url}"))
        self.page.on("response", lambda r: r.status < 400 or self.faults.append(f"{r.status}: {r.url}"))
        self.page.on("pageerror", lambda e: self.faults.append(f"script error: {e}"))
        self.page.on("console", self.check_console)

    def check_request(self, request):
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"external request: {request.url}")

    def check_console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def open(self, path: str):
        self.page.goto(f"{self.base}/{path}", wait_until="load")
        # The page is ready when MathJax is; without math there is no MathJax.
        self.page.wait_for_function(
            "() => !document.querySelector('.math') || (window.MathJax?.startup?.promise && true)"
        )
        self.page.evaluate("() => window.MathJax?.startup?.promise?.then(() => true)")
        return self.page
