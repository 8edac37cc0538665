"""Plant faults in thermolib, one at a time, and see whether the tests notice.

The faults come from rules, not from a list: flip a sign, lose a factor 2 or a logarithm, forget a square
root, take 1/kT for kT, swap work and heat or the old control and the new. A fixed seed draws some of all
that the rules allow. Run it with `make mutants`; `--all` plants every one, `--module` only those of some modules.
What was found is kept in `mutants.json`, module by module, with a hash of the code it was found on.
"""

import argparse
import ast
import concurrent.futures
import datetime
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Paths in thermolib; the tests of a module carry its last word.
MODULES = ("units", "langevin", "landauer", "digital", "substrates/dynamic", "substrates/quasistatic", "activations",
           "hamiltonian", "blocks", "glauber", "training", "budgets")
RESULTS = ROOT / "tests" / "mutants.json"
#: Seconds, at least; a fault that makes the tests hang is noticed, too.
TIMEOUT = 300

#: (rule, operator, its replacement)
OPERATORS = {
    ast.Add: ("sign flipped", "+", "-"),
    ast.Sub: ("sign flipped", "-", "+"),
    ast.Mult: ("times for over", "*", "/"),
    ast.Div: ("over for times", "/", "*"),
}
FACTORS = {2: "1", 0.5: "1.0", 4: "2"}
#: Not a fault: the tests must pass.
NOTHING = "no fault"
#: Names of which one is easily taken for the other.
CONFUSED = {"kT": "(1 / kT)", "mobility": "1.0", "work": "heat", "heat": "work"}


@dataclass(frozen=True)
class Fault:
    module: str
    line: int
    start: int  # offsets into the source of the module
    end: int
    text: str
    rule: str

    def planted(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


def computing_nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node but those of annotations, error messages, checks of input, and printing."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Raise, ast.arguments, ast.JoinedStr, ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.FunctionDef) and node.name.startswith("__"):
            continue
        if isinstance(node, ast.AnnAssign):
            node = ast.Expr(node.value) if node.value else ast.Pass()
        if isinstance(node, ast.Call) and "warn" in ast.unparse(node.func):
            continue
        yield node
        yield from computing_nodes(node)


def faults(module: str, source: str) -> list[Fault]:
    """All faults that the rules allow in one module."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line, column):
        # ast counts columns in UTF-8 bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def replace(node, text, rule):
        begin, end = offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)
        return Fault(module, node.lineno, begin, end, text, rule)

    def between(left, right, old, new, rule, line):
        begin = offset(left.end_lineno, left.end_col_offset)
        position = source.index(old, begin, offset(right.lineno, right.col_offset))
        return Fault(module, line, position, position + len(old), new, rule)

    found = []
    for node in computing_nodes(ast.parse(source)):
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            rule, old, new = OPERATORS[type(node.op)]
            found.append(between(node.left, node.right, old, new, rule, node.lineno))
        elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
            rule, old, new = OPERATORS[type(node.op)]
            found.append(
                between(node.target, node.value, old + "=", new + "=", rule, node.lineno)
            )
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            found.append(replace(node, f"({ast.unparse(node.operand)})", "sign lost"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in FACTORS:
            found.append(replace(node, FACTORS[node.value], "factor lost"))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 1:
            argument = ast.unparse(node.args[0])
            if node.func.attr == "log":
                text = "1.0" if argument == "2" else f"({argument})"
                found.append(replace(node, text, "logarithm lost"))
            elif node.func.attr == "sqrt":
                found.append(replace(node, f"({argument})", "square root lost"))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in CONFUSED:
            found.append(replace(node, CONFUSED[node.id], f"{CONFUSED[node.id]} for {node.id}"))
    return found


def digest(source: str) -> str:
    """A hash of a module's code. Comments and docstrings do not enter: a fault cannot hide in them."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:12]


def source_of(module: str) -> str:
    return (ROOT / "thermolib" / f"{module}.py").read_text(encoding="utf-8")


def draw(everything: list[Fault], count: int, seed: int) -> list[Fault]:
    return random.Random(seed).sample(everything, min(count, len(everything)))


def store(found: dict[str, dict]) -> None:
    """Put the results of some modules beside those of the others."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept = {module: {**known, **found}[module] for module in MODULES if module in known or module in found}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def killed(fault: Fault, source: str, timeout: float) -> bool:
    """Whether the library's tests fail with this fault in a copy of the project."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("thermolib", "tests", "scripts"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "conftest.py"):
            shutil.copy(ROOT / name, copy / name)
        (copy / "thermolib" / f"{fault.module}.py").write_text(fault.planted(source), encoding="utf-8")
        tests = {m: f"tests/test_{Path(m).name}.py" for m in MODULES}
        own = tests.pop(fault.module)
        others = tests.values()
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", own, *others]
        environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return True
        if done.returncode not in (0, 1, 2) or (done.returncode and fault.rule == NOTHING):
            raise RuntimeError(f"pytest stopped with code {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.returncode != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="how many faults to draw (60)")
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--all", action="store_true", help="plant every fault the rules allow")
    parser.add_argument("--module", nargs="+", choices=MODULES, default=MODULES, help="plant faults in these modules only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    sources = {m: source_of(m) for m in options.module}
    everything = [fault for m, source in sources.items() for fault in faults(m, source)]
    drawn = everything if options.all else draw(everything, options.count, options.seed)
    start = time.monotonic()
    killed(Fault(MODULES[0], 0, 0, 0, "", NOTHING), source_of(MODULES[0]), timeout=3600)  # must pass
    # A machine that is slow today must not pass for a fault that was noticed.
    timeout = max(TIMEOUT, 5 * options.jobs * (time.monotonic() - start))

    caught = 0
    for module, source in sources.items():
        if planted := [fault for fault in drawn if fault.module == module]:
            survived = campaign(planted, source, timeout, options.jobs)
            caught += len(planted) - len(survived)
            found = {
                "caught": len(planted) - len(survived),
                "planted": len(planted),
                "possible": sum(fault.module == module for fault in everything),
                "survived": survived,
                "code": digest(source),
                "seed": None if options.all else options.seed,
                "date": datetime.date.today().isoformat(),
            }
            store({module: found})
    print(f"{caught} of {len(drawn)} faults caught ({len(everything)} possible)")


def campaign(planted: list[Fault], source: str, timeout: float, workers: int) -> list[str]:
    """Plant faults in one module, each by itself; what survived, in the order of its lines."""
    survived = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(killed, fault, source, timeout): fault for fault in planted}
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            fault = jobs[job]
            line = source.splitlines()[fault.line - 1].strip()
            if not job.result():
                survived.append((fault.line, f"{fault.rule}: {line}"))
            verdict = "caught  " if job.result() else "SURVIVED"
            print(f"[{number}/{len(planted)}] {verdict} {fault.module}.py:{fault.line} {fault.rule}: {line}", flush=True)
    return [text for _, text in sorted(survived)]


if __name__ == "__main__":
    main()
