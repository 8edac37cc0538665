"""What a reader takes away: the zips, the library, the citation. Made anew here, and used as a reader would."""

import ast
import importlib.metadata
import io
import re
import sys
import zipfile

import pytest
import taking
from browser import BOOK
from packaging.requirements import Requirement
from pybtex.database import parse_string
from taking import ROOT, citation, offline, zips

import chapters

DOWNLOADS = BOOK / "downloads"
CFF = citation.read(ROOT / "CITATION.cff")
VERSION = CFF["version"]


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def notebooks():
    with zipfile.ZipFile(DOWNLOADS / taking.NOTEBOOKS) as archive:
        yield archive


@pytest.fixture(scope="module")
def wheel():
    (path,) = DOWNLOADS.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


# -- zips ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["a:b", "what?.md", "NUL", "folder/con.txt", "end.", "end ", "a\\b", "/top", "a//b", "x" * 161],
)
def test_a_name_that_windows_cannot_unpack_is_refused(name):
    with pytest.raises(ValueError, match="name in a zip must"):
        zips.check_names([name])


def test_names_that_differ_in_case_only_are_refused():
    with pytest.raises(ValueError, match="differ in more than case"):
        zips.check_names(["Start.html", "START.html"])
    zips.check_names(["START.html", "console.txt", "chapters/.hidden"])


def test_a_zip_depends_on_its_content_only(tmp_path):
    files = {"b/two": b"2" * 1000, "a": b"1"}
    one = zips.write(tmp_path / "one.zip", files).read_bytes()
    assert zips.write(tmp_path / "two.zip", dict(reversed(files.items()))).read_bytes() == one
    assert zips.write(tmp_path / "two.zip", {**files, "a": b"2"}).read_bytes() != one
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert {n: archive.read(n) for n in archive.namelist()} == files


# -- notebooks and library -------------------------------------------------------------------


def test_the_zip_holds_every_notebook_as_it_is_stored(notebooks):
    top = f"{taking.NAME}-{VERSION}-notebooks/"
    assert all(name.startswith(top) for name in notebooks.namelist())
    for path in chapters.PATHS:
        assert notebooks.read(f"{top}chapters/{path.name}") == path.read_bytes()


def test_links_between_files_of_the_zip_lead_somewhere(notebooks):
    names = set(notebooks.namelist())
    top = f"{taking.NAME}-{VERSION}-notebooks"
    for path in chapters.PATHS:
        text = "\n".join(c.source for c in chapters.read(path).cells if c.cell_type == "markdown")
        links = [m.split("#")[0] for m in re.findall(r"\]\(((?!https?:)[^)]+)\)", text)]
        assert links
        for link in links:
            target = f"{top}/{link.removeprefix('../')}" if link.startswith("../") else f"{top}/chapters/{link}"
            assert target in names, f"{path.name} links to {link}"


def test_the_wheel_is_the_library_all_of_it(wheel, notebooks):
    inside = {n: wheel.read(n) for n in wheel.namelist() if n.startswith("thermolib/")}
    folder = ROOT / "thermolib"
    assert inside == {
        f"thermolib/{p.relative_to(folder).as_posix()}": p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert {"thermolib/web/explore.js", "thermolib/data/digits.npz"} <= set(inside)
    (name,) = [n for n in notebooks.namelist() if n.endswith(".whl")]
    assert notebooks.read(name) == next(DOWNLOADS.glob("*.whl")).read_bytes()


def test_the_wheel_asks_for_what_the_notebooks_import(wheel):
    (metadata,) = [wheel.read(n).decode() for n in wheel.namelist() if n.endswith("/METADATA")]
    needed = [Requirement(r) for r in re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)]
    for requirement in needed:  # by the versions that constraints.txt pins
        assert importlib.metadata.version(requirement.name) in requirement.specifier
    allowed = {r.name for r in needed} | {"thermolib"} | set(sys.stdlib_module_names)
    for path in chapters.PATHS:
        for cell in chapters.read(path).cells:
            if cell.cell_type == "code":
                assert imported(cell.source) <= allowed
        for solution in chapters.solutions(path.stem):
            assert imported(solution) <= allowed


def imported(source):
    nodes = list(ast.walk(ast.parse(source)))
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_a_wheel_built_again_is_the_same(tmp_path):
    again = taking.build_wheel(tmp_path)
    assert again.read_bytes() == (DOWNLOADS / again.name).read_bytes()


@pytest.mark.parametrize("path", chapters.PATHS, ids=lambda p: p.stem)
def test_a_chapter_offers_its_notebook(path):
    page = read(BOOK / "chapters" / f"{path.stem}.html")
    (line,) = re.findall(r'<p class="wtc-take">.*</p>', page)
    links = re.findall(r'href="([^"]+)"( download)?', line)
    files = [(BOOK / "chapters" / link).resolve() for link, download in links if download]
    assert [f.name for f in files] == [path.name, taking.NOTEBOOKS]
    assert files[0].read_bytes() == path.read_bytes()


# -- citation --------------------------------------------------------------------------------

PEOPLE = {
    "title": "A title: 100 % & more",
    "version": "2.1.0",
    "date-released": "2030-01-31",
    "doi": "10.1000/182",
    "authors": [{"given-names": "Ada", "family-names": "Lovelace"}, {"name": "A Group"}],
}


@pytest.mark.parametrize("cff", [CFF, PEOPLE], ids=["this book", "people and a doi"])
def test_bibtex_says_what_the_citation_file_says(cff):
    (entry,) = parse_string(citation.bibtex(cff), "bibtex").entries.values()
    plain = {name: re.sub(r"[{}]|\\(?=\W)", "", value) for name, value in entry.fields.items()}
    assert entry.type == "misc"
    assert plain["title"] == cff["title"]
    assert plain.get("year") == (str(cff["date-released"])[:4] if "date-released" in cff else None)
    assert plain["note"] == f"Version {cff['version']}" + ("" if "year" in plain else ", in preparation")
    assert plain.get("doi") == cff.get("doi")
    names = [a.get("name") or f"{a['given-names']} {a['family-names']}" for a in cff["authors"]]
    assert [str(p).replace("{", "").replace("}", "").split(", ")[::-1] for p in entry.persons["author"]] == [
        [a["name"]] if "name" in a else [a["given-names"], a["family-names"]] for a in cff["authors"]
    ]
    text = citation.plain(cff)
    for part in (*names, plain.get("year", "in preparation"), cff["title"], cff["version"], cff.get("doi", "")):
        assert part in text


def test_the_page_shows_both_and_the_first_page_links_to_it():
    page = re.sub(r"<[^>]+>", "", read(BOOK / "appendices" / "citing.html"))
    assert citation.plain(CFF) in page
    assert citation.bibtex(CFF) in page
    assert 'href="appendices/citing.html"' in read(BOOK / "intro.html")


def test_the_citation_file_has_what_its_format_requires():
    assert {"cff-version", "message", "title", "authors"} <= set(CFF)
    assert CFF["cff-version"] == "1.2.0"


# -- editions --------------------------------------------------------------------------------


def test_one_number_names_the_edition():
    changelog = re.findall(r"^## (\S+?)(?:,|$)", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    errata = re.findall(r"^### (\S+)$", read(ROOT / "appendices" / "errata.md"), re.MULTILINE)
    assert changelog == errata, "every edition has a section in both"
    assert changelog[0] == VERSION
    assert f'\nversion = "{VERSION}"\n' in read(ROOT / "pyproject.toml")
    assert importlib.metadata.version("thermolib") == VERSION
    assert f"git checkout v{VERSION}" in read(ROOT / "appendices" / "errata.md")


def test_an_edition_is_out_everywhere_or_nowhere():
    (when,) = re.findall(rf"^## {re.escape(VERSION)}, (\S+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    (state,) = re.findall(rf"^### {re.escape(VERSION)}\n\n(.*)$", read(ROOT / "appendices" / "errata.md"), re.MULTILINE)
    assert when == str(CFF.get("date-released", "unreleased"))
    assert state.startswith("In preparation.") == (when == "unreleased")


# -- the book as a zip -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    path = offline.offline_zip(BOOK, folder / "book.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "unpacked here")
    (top,) = (folder / "unpacked here").iterdir()
    return top


def test_the_offline_zip_has_one_file_to_open(unpacked):
    assert unpacked.name == f"{taking.NAME}-{VERSION}"
    assert sorted(p.name for p in unpacked.iterdir()) == ["START.html", "book"]


def test_only_a_built_book_is_zipped(tmp_path):
    with pytest.raises(ValueError, match="must be built first"):
        offline.offline_zip(tmp_path, tmp_path / "book.zip")
