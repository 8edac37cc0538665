"""The page that shows the proof: what was run in this build, on what, and what the tests assert."""

from __future__ import annotations

import ast
import datetime
import html
import importlib.metadata
import importlib.util
import json
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


@dataclass(frozen=True)
class Test:
    """A test function: its name as a sentence, its docstring, and its code."""

    name: str
    says: str
    code: str

    @property
    def sentence(self) -> str:
        return self.name.removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Module:
    """A file of tests."""

    name: str
    about: str
    tests: tuple[Test, ...]

    @property
    def anchor(self) -> str:
        return self.name.removesuffix(".py").replace("_", "-")


def first_paragraph(docstring: str | None) -> str:
    return " ".join((docstring or "").split("\n\n")[0].split())


def read_tests(path: Path) -> Module:
    """The tests of a file in their order, from its source alone."""
    source = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    tests = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            begin = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            code = "\n".join(lines[begin : node.end_lineno])
            tests.append(Test(node.name, first_paragraph(ast.get_docstring(node)), code))
    tests.sort(key=lambda test: source.index(f"def {test.name}("))
    return Module(path.name, first_paragraph(ast.get_docstring(tree)), tuple(tests))


def test_modules(root: Path) -> list[Module]:
    return [module for path in sorted((root / "tests").glob("test_*.py")) if (module := read_tests(path)).tests]


def direct_packages(requirements: str) -> list[tuple[str, str]]:
    """The packages that the requirements list as direct, each with its version as installed."""
    direct = requirements.split("# direct\n")[1].split("\n\n")[0]
    names = re.findall(r"^([\w.-]+)==", direct, re.MULTILINE)
    return [(name, importlib.metadata.version(name)) for name in names]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored_results(root: Path) -> dict[str, dict]:
    """What `make mutants` found, by module."""
    results = root / "tests" / "mutants.json"
    return json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}


def mutation_rows(root: Path) -> list[list[str]]:
    """Module, faults caught of faults planted and of all that are possible, when, and whether the code is still that."""
    mutants = load(root / "tests" / "mutants.py")
    stored, rows = stored_results(root), []
    for module in mutants.MODULES:
        source = (root / "thermolib" / f"{module}.py").read_text(encoding="utf-8")
        if module not in stored:
            rows.append([module, "not measured", f"{len(mutants.faults(module, source))}", "", ""])
            continue
        found = stored[module]
        current = found["code"] == mutants.digest(source)
        state = f"{found['code']}, {'current' if current else 'stale: the module has changed since'}"
        rows.append([module, f"{found['caught']} of {found['planted']}", f"{found['possible']}", found["date"], state])
    return rows


def run_rows(app: Sphinx, docname: str) -> Iterator[list[str | nodes.Node]]:
    """For each notebook when it was run, and how long that took."""
    total = 0.0
    for name in sorted(name for name in app.env.found_docs if name.startswith("chapters/")):
        target = app.builder.get_relative_uri(docname, name)
        link = nodes.reference("", app.env.titles[name].astext(), internal=True, refuri=target)
        data = NbMetadataCollector.get_exec_data(app.env, name)
        if data is None or data["runtime"] is None:
            yield [link, "not run in this build", ""]
            continue
        total += data["runtime"]
        when = datetime.datetime.fromtimestamp(data["mtime"], datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        yield [link, when, f"{data['runtime']:.1f}"]
    yield ["all", "", f"{total:.1f}"]


def table(header: Sequence[str], rows: Sequence[Sequence[str | nodes.Node]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in header), cols=len(header))
    for kind, lines in ((nodes.thead, [header]), (nodes.tbody, rows)):
        part = kind()
        for line in lines:
            cells = [cell if isinstance(cell, nodes.Node) else nodes.Text(cell) for cell in line]
            part += nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))
        group += part
    return nodes.table("", group, classes=["table"])


class runs(nodes.General, nodes.Element):
    """Stands for the table of runs until all notebooks have been run."""


class Proof(SphinxDirective):
    """A part of the proof page: `runs`, `versions`, `mutants`, or the `tests` in brief."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        for path in (*root.glob("tests/*"), root / "requirements.txt", *root.glob("thermolib/**/*.py")):
            self.env.note_dependency(str(path))
        return list(getattr(self, self.arguments[0])(root))

    def runs(self, root: Path) -> Iterator[nodes.Node]:
        yield runs()

    def versions(self, root: Path) -> Iterator[nodes.Node]:
        packages = direct_packages((root / "requirements.txt").read_text(encoding="utf-8"))
        yield table(("package", "version"), [("Python", platform.python_version()), *packages])

    def mutants(self, root: Path) -> Iterator[nodes.Node]:
        yield table(("module", "caught", "possible", "measured", "code"), mutation_rows(root))
        survived = [f"{module}: {fault}" for module, found in stored_results(root).items() for fault in found["survived"]]
        if survived:
            yield nodes.paragraph("", "Faults that survived:")
            yield nodes.bullet_list(
                "", *(nodes.list_item("", nodes.paragraph("", "", nodes.literal("", fault))) for fault in survived)
            )

    def tests(self, root: Path) -> Iterator[nodes.Node]:
        rows = []
        for module in test_modules(root):
            link = nodes.reference("", module.name, internal=True, refuri=f"tests.html#{module.anchor}")
            rows.append((link, module.about, str(len(module.tests))))
        yield table(("file", "what it is about", "tests"), rows)


class Tests(SphinxDirective):
    """Every test with its name as a sentence, its docstring, and its code, folded."""

    def run(self) -> list[nodes.Node]:
        root, sections = Path(self.env.srcdir), []
        for module in test_modules(root):
            section = nodes.section("", nodes.title("", module.name), ids=[module.anchor])
            section += nodes.paragraph("", module.about)
            for test in module.tests:
                says = f"<p>{html.escape(test.says)}</p>" if test.says else ""
                section += nodes.raw(
                    "",
                    f'<details class="wtc-test"><summary>{html.escape(test.sentence)}</summary>{says}'
                    f"<pre>{html.escape(test.code)}</pre></details>",
                    format="html",
                )
            sections.append(section)
        return sections


def fill_runs(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(runs)):
        node.replace_self(table(("notebook", "last run", "seconds"), list(run_rows(app, docname))))


def setup(app: Sphinx) -> dict:
    app.add_node(runs)
    app.add_directive("proof", Proof)
    app.add_directive("test-list", Tests)
    app.connect("doctree-resolved", fill_runs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
