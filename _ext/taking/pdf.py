"""The built book as one PDF, printed by an installed Chromium.

python -m taking.pdf BOOK PDF, with the folder of the built pages.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pypdf
import yaml
from playwright.sync_api import Page, sync_playwright

from taking import ROOT, citation

HERE = Path(__file__).parent
WIDTH = 642  # pixels between the margins of print.css
#: The code of all tests, folded: two hundred pages that nobody reads on paper.
ONLINE_ONLY = {"appendices/tests"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]


def reading_order() -> list[dict]:
    """The pages to print in the order of the table of contents; `part` where a part begins."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [{"path": f"{toc['root']}.html", "part": ""}]
    for part in toc["parts"]:
        printed = [chapter for chapter in part["chapters"] if chapter["file"] not in ONLINE_ONLY]
        for k, chapter in enumerate(printed):
            pages.append({"path": f"{chapter['file']}.html", "part": "" if k else part["caption"]})
    return pages


def front() -> dict:
    """What the first page says."""
    cff = citation.read(ROOT / "CITATION.cff")
    title, subtitle = cff["title"].split(": ", 1)
    return {
        "title": title,
        "subtitle": subtitle,
        "authors": citation.authors(cff),
        "edition": f"Edition {cff['version']}",
        "notes": "Code: BSD 3-Clause. Text and figures: CC BY 4.0.<br>"
        "Figures with sliders show their first state. Solutions are at the end.",
    }


def page_numbers(pdf: bytes) -> dict[str, int]:
    """On which page each target of a link is, counted from 1."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return {
        name.removeprefix("/"): reader.get_destination_page_number(target) + 1
        for name, target in reader.named_destinations.items()
    }


#: Write the numbers into the pages that show them; say whether one was not there yet.
FILL_IN = """(numbers) => {
    let moved = false;
    for (const e of document.querySelectorAll('.page-number')) {
        const number = numbers[e.dataset.of];
        if (!number) throw new Error(`no page for ${e.dataset.of}`);
        moved ||= e.textContent !== String(number);
        e.textContent = number;
    }
    return moved;
}"""


def open_book(page: Page, book: Path, pages: list[dict], work: Path) -> None:
    """Open the pages of the built book as one document, formulas set, as it will be printed."""
    pages = [{**p, "html": (book / p["path"]).read_text(encoding="utf-8")} for p in pages]
    assemble = (HERE / "pdf.js").read_text(encoding="utf-8")
    folder = f"{book.resolve().as_uri()}/"
    html = page.evaluate(assemble, {"pages": pages, "folder": folder, "front": front()})
    style = (HERE / "pdf.css").read_text(encoding="utf-8")
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text(html.replace("</head>", f"<style>{style}</style></head>"), encoding="utf-8")
    page.set_default_timeout(600_000)  # hundreds of pages, on any machine
    page.emulate_media(media="print")
    page.goto(work.resolve().as_uri(), wait_until="load")
    page.evaluate("() => window.MathJax.startup.promise.then(() => document.fonts.ready).then(() => true)")


def print_book(page: Page) -> bytes:
    """Print, fill in what is on which page, and print again until that stays as it is."""
    for _ in range(4):
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
        if not page.evaluate(FILL_IN, page_numbers(pdf)):
            return pdf
    raise RuntimeError("the page numbers moved each time they were filled in")


def make_pdf(book: Path, path: Path, pages: list[dict] | None = None) -> Path:
    """Write the PDF of the book, or of some of its pages.

    Raises RuntimeError without a browser.
    """
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        raise RuntimeError(f"printing needs Chromium or Chrome, looked for {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        open_book(page, book, pages or reading_order(), path.with_suffix(".html"))
        pdf = print_book(page)
        browser.close()
    path.with_suffix(".html").unlink()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf))
    writer.add_metadata({"/Title": front()["title"], "/Author": front()["authors"]})
    writer.write(path)
    return path


if __name__ == "__main__":
    print("PDF of the book:", make_pdf(Path(sys.argv[1]), Path(sys.argv[2])).resolve())
