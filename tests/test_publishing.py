"""The workflow that publishes the book, and the folder that it publishes. A hosted runner is not here to try it."""

import re
import subprocess

import pytest
import yaml
from browser import BOOK
from taking import DOWNLOADS, ROOT, site

WORKFLOW = ROOT / ".github" / "workflows" / "publish.yml"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def workflow():
    # YAML 1.1 reads the key "on" as true.
    return {"on" if k is True else k: v for k, v in yaml.safe_load(WORKFLOW.read_text(encoding="utf-8")).items()}


@pytest.fixture(scope="module")
def steps(workflow):
    return [(name, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


def test_jobs_have_what_a_runner_needs(workflow, steps):
    assert set(workflow["on"]) == {"push", "workflow_dispatch"}
    for job in workflow["jobs"].values():
        assert job["runs-on"].startswith("ubuntu-")
        assert job.get("needs", "build") in workflow["jobs"]
    assert all(("uses" in step) != ("run" in step) for _, step in steps)
    urls = [job["environment"]["url"] for job in workflow["jobs"].values() if "environment" in job]
    ids = {step.get("id") for _, step in steps}
    assert [re.search(r"steps\.(\w+)\.", url).group(1) in ids for url in urls] == [True]


def test_every_action_is_pinned_to_a_commit(steps):
    lines = re.findall(r"uses: (.+)", WORKFLOW.read_text(encoding="utf-8"))
    assert len(lines) == sum("uses" in step for _, step in steps)
    for line in lines:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_jobs_may_do_no_more_than_they_must(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    extra = {name: job.get("permissions", {}) for name, job in workflow["jobs"].items()}
    assert extra == {
        "build": {},
        "publish": {"pages": "write", "id-token": "write"},
        "release": {"contents": "write"},
    }
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")


def test_the_book_is_tested_before_it_is_published(workflow, steps):
    """What is run exists here, in this order, and what is uploaded is what it makes."""
    runs = [step["run"] for name, step in steps if name == "build" and "run" in step]
    assert runs == ["make test", "make site"]
    for command in runs:
        made = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    uploaded = [s["with"]["path"] for name, s in steps if name == "build" and "upload" in s.get("uses", "")]
    assert uploaded == ["_build/site", "dist"]
    for path in uploaded:
        assert re.search(rf" {path}[ /]", made.stdout)
    for job in ("publish", "release"):
        assert workflow["jobs"][job]["needs"] == "build"


def test_make_help_lists_every_target():
    targets = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE).group(1).split()) - {"help", "course-env"}
    listed = set(re.findall(r'@echo "make ([\w-]+) ', MAKEFILE))
    assert targets == listed


def test_the_published_folder_offers_its_files(tmp_path):
    files = [tmp_path / "book.zip", tmp_path / "book.pdf"]
    for file in files:
        file.write_bytes(b"x" * 2_400_000)
    made = site.make_site(BOOK, tmp_path / "site", files)
    text = (made / "appendices" / "running.html").read_text(encoding="utf-8")
    links = [m for m in re.findall(r'href="\.\./([^"]+)" download', text)]
    assert links[1:] == [f"{DOWNLOADS}/{file.name}" for file in files]
    assert all((made / link).is_file() for link in links)
    assert "2 MB" in text
    assert {p.relative_to(BOOK) for p in BOOK.rglob("*")} <= {p.relative_to(made) for p in made.rglob("*")}
    with pytest.raises(ValueError, match="found it 0 times"):
        site.make_site(made, tmp_path / "again", files)
