"""The page on running the notebooks: its commands, run as they stand, in new folders.

Nothing is fetched: pip finds the packages of this environment, all but the library, through PYTHONPATH,
and has no index to ask. So what it installs comes out of the zip, and what it is content with is what was tested.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest
import taking
from browser import BOOK
from taking import ROOT

import chapters
from thermolib import units

PAGE = (ROOT / "appendices" / "running.md").read_text(encoding="utf-8")
COMPUTER, CHAPTER, HUB = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
ZIP = BOOK / taking.DOWNLOADS / taking.NOTEBOOKS


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The packages of this environment, but not the library and what installs it."""
    folder = tmp_path_factory.mktemp("packages")
    for item in Path(nbformat.__file__).parents[1].iterdir():
        if not re.match(r"(__editable__|__pycache__|thermolib|pip\b|.*\.pth$)", item.name):
            (folder / item.name).symlink_to(item)
    return folder


@pytest.fixture
def environment(packages, tmp_path):
    """The variables of a reader who has this Python, these packages and no network."""
    programs, config = tmp_path / "programs", tmp_path / "config"
    programs.mkdir()
    (programs / "python3").symlink_to(sys._base_executable)
    config.mkdir()
    # JupyterLab does not start for root unless told to.
    (config / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "JUPYTER", "PYTHON", "VIRTUAL"))}
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(packages),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: build with what is here
        "PIP_CONFIG_FILE": os.devnull,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTERLAB_DIR": str(Path(sys.prefix) / "share" / "jupyter" / "lab"),
        "BROWSER": "true",
    }


@pytest.fixture
def folder(tmp_path):
    """Where the reader unpacks."""
    folder = tmp_path / "a new folder"
    folder.mkdir()
    return folder


def run(commands, cwd, environment):
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unpack(folder):
    with zipfile.ZipFile(ZIP) as archive:
        archive.extractall(folder)
    (top,) = folder.iterdir()
    return top


def where_thermolib_is(cwd, environment):
    code = "import thermolib, numpy; print(thermolib.__file__); print(numpy.__file__)"
    return [Path(line) for line in run(f"env/bin/python -c '{code}'", cwd, environment).splitlines()]


def test_on_your_own_computer(folder, environment):
    top = unpack(folder)
    *install, start = COMPUTER.splitlines()
    assert start.endswith(" -m jupyterlab chapters")
    run("\n".join(install), top, environment)
    library, numpy = where_thermolib_is(top, environment)
    assert library.is_relative_to(top / "env"), "the library is the one of the zip"
    assert not numpy.is_relative_to(top), "the rest is what was at hand"

    printed = run(CHAPTER, top, environment)
    assert float(printed.split()[-1]) == units.landauer_limit()
    ran = nbformat.read(top / "chapters" / chapters.PATHS[0].name, as_version=4)
    stored = chapters.read(chapters.PATHS[0])
    assert texts(ran) == texts(stored) != ""
    assert lists_the_chapters(start, top, environment)


def texts(notebook):
    """What the cells print."""
    return "".join(o.text for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "text" in o)


def lists_the_chapters(command, cwd, environment):
    """Start JupyterLab as told, and ask it what it shows."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {**environment, "JUPYTER_PORT": str(port), "JUPYTER_TOKEN": "word"}
    address = f"http://127.0.0.1:{port}"
    with open(cwd / "log.txt", "w+") as log:
        server = subprocess.Popen(command.split(), cwd=cwd, env=settings, stdout=log, stderr=log)
        try:
            for _ in range(120):
                try:
                    with urllib.request.urlopen(f"{address}/api/contents?token=word") as answer:
                        names = {item["name"] for item in json.load(answer)["content"]}
                    with urllib.request.urlopen(f"{address}/lab?token=word") as answer:
                        return "JupyterLab" in answer.read().decode() and names == {p.name for p in chapters.PATHS}
                except OSError:
                    assert server.poll() is None, (cwd / "log.txt").read_text()
                    time.sleep(0.5)
            pytest.fail((cwd / "log.txt").read_text())
        finally:
            server.terminate()
            server.wait()


def test_the_two_lines_in_the_zip_are_those_of_the_page(folder):
    start = (unpack(folder) / "START.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in start.splitlines() if line.startswith("    python -m ")]
    make, *two = [line.replace("env/bin/", "") for line in COMPUTER.splitlines()]
    assert lines == [*two, make.replace("python3", "python")]


def test_the_windows_commands_are_the_same_but_for_paths():
    (windows,) = re.findall(r"```bat\n(.*?)```", PAGE, re.DOTALL)
    assert windows == COMPUTER.replace("python3", "py").replace("env/bin/", "env\\Scripts\\")


def test_on_a_hub(folder, environment, tmp_path):
    (folder / taking.NOTEBOOKS).write_bytes(ZIP.read_bytes())
    run(HUB, folder, environment)
    (top,) = [p for p in folder.iterdir() if p.is_dir()]
    kernel = json.loads((tmp_path / "data" / "kernels" / "thinking" / "kernel.json").read_text())
    assert kernel["display_name"] in PAGE
    assert Path(kernel["argv"][0]).is_relative_to(top / "env")
    assert where_thermolib_is(top, environment)[0].is_relative_to(top / "env")


def test_what_binder_installs(folder, environment):
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT", "requirements.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for name in ("binder", "thermolib"):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = folder / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    run("python3 -m venv env\nenv/bin/python -m pip install -r binder/requirements.txt", folder, environment)
    # From elsewhere, so that it is the installed library that is found.
    code = "from thermolib import catalog, digits; print(len(catalog.models()))"
    assert int(run(f"'{folder}/env/bin/python' -c '{code}'", folder.parent, environment)) > 0
    assert re.fullmatch(r"python-3\.1[1-9]\n", (folder / "binder" / "runtime.txt").read_text())


def test_the_cell_for_colab(folder, environment):
    (magic,) = re.findall(r"^    (%pip .+)$", PAGE, re.MULTILINE)
    (wheel,) = (BOOK / taking.DOWNLOADS).glob("*.whl")
    (folder / wheel.name).write_bytes(wheel.read_bytes())
    cells = [magic, "import thermolib\nprint(thermolib.__file__)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, folder / "upload.ipynb")
    run("python3 -m venv env\nenv/bin/python -m nbconvert --to notebook --inplace --execute upload.ipynb", folder, environment)
    printed = texts(nbformat.read(folder / "upload.ipynb", as_version=4)).splitlines()[-1]
    assert Path(printed).is_relative_to(folder / "env")
