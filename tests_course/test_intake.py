"""What is taken from a submission, and what is said about one that can not be read."""

import copy
import html
import json
import os
import re

import nbformat
import pytest
import submissions as sub
from nbconvert.filters import markdown2html
from nbformat.v4 import new_markdown_cell
from submissions import Elements
from thermograde import intake
from thermograde.course import FeedbackPage
from thermograde.intake import Submission, Unreadable, merge

SOLVED = {"tape": "def tape_reset_heat(n, flip, temperature):\n    return 1.0"}


def merged(release, notebook):
    result, notes = merge(release, Submission(json.loads(json.dumps(notebook))["cells"], ""))
    nbformat.validate(result)
    return result, notes


def sources(notebook):
    return {c.metadata.nbgrader.grade_id: c.source for c in notebook.cells if "nbgrader" in c.metadata}


def test_answers_come_over_and_nothing_else(release):
    notebook = sub.answered(release, SOLVED)
    for cell in notebook.cells:
        cell.metadata.tags = ["skip-execution", "raises-exception", "remove-cell"]
        cell.metadata["trusted"] = True
        if cell.metadata.nbgrader.locked:
            cell.source = "pass"
        if cell.metadata.nbgrader.grade:
            cell.metadata.nbgrader.points = 1000
            cell.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "1000"})]
    notebook.metadata = {"kernelspec": {"name": "bash", "display_name": "x"}, "evil": True}
    result, notes = merged(release, notebook)
    expected = copy.deepcopy(release)
    expected.cells[sub.place(expected, "tape")].source = SOLVED["tape"]
    assert result == expected
    assert notes == []


def test_extra_cells_keep_their_place_and_lose_the_rest(release):
    notebook = sub.with_code(sub.answered(release, SOLVED), "helper = 1", before="tape")
    notebook = sub.with_text(notebook, "a thought", before="tape")
    at = sub.place(notebook, "tape")
    notebook.cells[at - 2].metadata.tags = ["skip-execution"]
    result, _ = merged(release, notebook)
    at = sub.place(result, "tape")
    assert [c.source for c in result.cells[at - 2:at]] == ["helper = 1", "a thought"]
    assert all(c.metadata == {} for c in result.cells[at - 2:at])
    assert len(result.cells) == len(release.cells) + 2


def test_a_copied_answer_counts_as_last_edited(release):
    notebook = sub.answered(release, SOLVED)
    at = sub.place(notebook, "tape")
    twin = copy.deepcopy(notebook.cells[at])
    twin.id, twin.source = "copy", "def tape_reset_heat(n, flip, temperature):\n    return 2.0"
    notebook.cells.insert(at + 1, twin)
    result, notes = merged(release, notebook)
    assert sources(result)["tape"].endswith("2.0")
    assert [c.source for c in result.cells if c.source.endswith("1.0")] == [SOLVED["tape"]]
    assert "the answer tape is there 2 times" in notes
    twin.source = release.cells[sub.place(release, "tape")].source  # a copy that was never edited
    result, _ = merged(release, notebook)
    assert sources(result)["tape"] == SOLVED["tape"]
    assert len(result.cells) == len(release.cells)


def test_copied_and_deleted_tests_do_not_matter(release):
    notebook = sub.answered(release, SOLVED)
    at = sub.place(notebook, "tape-test")
    notebook.cells.insert(at, copy.deepcopy(notebook.cells[at]))
    del notebook.cells[sub.place(notebook, "trial-test")]
    result, _ = merged(release, notebook)
    assert [c.id for c in result.cells] == [c.id for c in release.cells]


def test_an_answer_that_lost_its_metadata_is_known_by_its_cell_id(release):
    notebook = sub.answered(release, SOLVED)
    for cell in notebook.cells:
        cell.metadata = {}
    result, _ = merged(release, notebook)
    assert sources(result)["tape"] == SOLVED["tape"]
    assert len(result.cells) == len(release.cells)


def test_a_deleted_answer_is_noted(release):
    notebook = sub.answered(release, SOLVED)
    del notebook.cells[sub.place(notebook, "trial")]
    result, notes = merged(release, notebook)
    assert "the answer trial is not there" in notes
    assert sources(result)["trial"] == sources(release)["trial"]


@pytest.mark.parametrize("markdown", [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</div>", "<!-- x -->", "<?php ?>", "<SVG/onload=alert(1)>",
    "a <b> c", "<iframe srcdoc='x'>", "`<script>`", "$a<b$", "[x](javascript:alert(1))", "[x](< javascript:alert(1)>)",
    "[x](JaVaScRiPt\\:alert(1))", "[x](<java\tscr\tipt:alert(1)>)", "[x](&#106;avascript&colon;alert(1))",
    "[x][y]\n\n[y]: javascript:1",
    "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:1)", "<javascript:alert(1)>", "![x](http://127.0.0.1/x.png)",
    "![x][y]\n\n[y]: http://127.0.0.1/x.png", "&lt;script&gt;alert(1)&lt;/script&gt;", "[x](javascript&#58;alert(1))",
    "$$\n<script>alert(1)</script>\n$$", "```\n<script>\n```", "[![x](http://127.0.0.1/a)](javascript:1)",
    "!![x](http://127.0.0.1/x.png)", "!!!!![x](attachment:y.png)", "![x](attachment:y.png)", "[![x](attachment:y.png)](z)",
    "![x]\n\n[x]: attachment:y.png", "\\!![x](http://127.0.0.1/x.png)", "```mermaid\n<script>alert(1)</script>\n```",
    "\\<script>alert(1)\\</script>", "&ltscript&gt;", "[x](\"onmouseover=alert(1)//)", "[x](a 'b\" onclick=\"1')",
])
def test_a_text_stays_text(markdown):
    """As nbconvert renders it, for the feedback page and for the instructor's formgrader."""
    elements = Elements(markdown2html(intake.harmless(markdown))).found
    assert {tag for tag, _ in elements} <= {"p", "a", "code", "pre", "span", "div"}
    for tag, attributes in elements:
        assert set(attributes) <= {"href", "title", "class"}
        link = html.unescape(attributes.get("href") or "").strip().lower()
        assert not re.match(r"[\t\r\n]*(?:javascript|vbscript|data)[\t\r\n]*:", link)


def test_ordinary_text_stays_as_it_is():
    text = ("If $a < b$ and 3<4, then x <- y. > quoted\n\n- item: [link](https://example.org/a?b=1&c=2)\n\n```python\n"
            "if a < b & c: pass\n```\n\n$$\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}$$ ![mine](attachment:a.png)")
    assert intake.harmless(text, {"a.png"}) == text
    assert intake.harmless("wow!![mine](attachment:a.png)", {"a.png"}) == "wow![mine](attachment:a.png)"


def test_pictures_in_a_text_stay_if_they_are_pictures(small):
    source = nbformat.read(small / "small" / "small.ipynb", as_version=4)
    source.cells[0].metadata.nbgrader = {"grade": False, "solution": False, "locked": True, "grade_id": "given-title"}
    notebook = copy.deepcopy(source)
    answer = notebook.cells[sub.place(notebook, "why")]
    answer.source = "![drawing](attachment:a.png)"
    photo = {"image/jpeg": sub.picture(format="JPEG")}
    answer.attachments = {"a.png": {"image/png": sub.picture()}, "b.svg": {"image/svg+xml": "PHN2Zz4="}, "e.jpg": photo,
                          "c.png": {"image/png": '" onerror="alert(1)'}, "d.html": {"text/html": "PGI+"},
                          "f.png": photo | {"image/png": "aGVsbG8="}, "g.png": {"image/png": photo["image/jpeg"]}, "h": 3}
    notebook.cells.append(copy.deepcopy(answer) | {"id": "extra", "metadata": {}})
    result, _ = merge(source, Submission(notebook.cells, ""))
    for cell in result.cells[-2:]:
        assert cell.source == "![drawing](attachment:a.png)"
        assert cell.attachments == {"a.png": {"image/png": sub.picture()}, "e.jpg": photo, "f.png": photo}


def test_a_picture_that_is_missing_or_refused_becomes_a_link(small):
    """nbconvert makes no page at all of a text with a picture that is not there."""
    source = nbformat.read(small / "small" / "small.ipynb", as_version=4)
    source.cells[0].metadata.nbgrader = {"grade": False, "solution": False, "locked": True, "grade_id": "given-title"}
    notebook = copy.deepcopy(source)
    answer = notebook.cells[sub.place(notebook, "why")]
    answer.source = "![a](attachment:a.svg) ![b](attachment:b.png)"
    answer.attachments = {"a.svg": {"image/svg+xml": "PHN2Zz4="}}
    result, _ = merge(source, Submission(notebook.cells, ""))
    assert result.cells[-1].source == "[a](attachment:a.svg) [b](attachment:b.png)"
    assert "href=\"attachment:b.png\"" in FeedbackPage().from_notebook_node(result)[0]


def test_pictures_have_room_for_so_many_pixels():
    """A bomb: a few kilobytes that would be hundreds of megabytes on the screen."""
    bomb, drawing = sub.picture(20_000, 20_000), sub.picture(3000, 2000)
    assert len(bomb) < 100_000
    pictures = intake.Pictures()
    assert not pictures.admits("image/png", bomb)
    admitted = sum(pictures.admits("image/png", drawing) for _ in range(20))
    assert admitted == intake.MOST_PIXELS // 6_000_000


def test_odd_cells_are_left_out_and_counted(release):
    good = json.loads(nbformat.writes(sub.answered(release, SOLVED)))["cells"]
    odd = [None, 3, "text", [], {}, {"cell_type": "code"}, {"cell_type": "code", "source": 3},
           {"cell_type": "code", "source": [1]}, {"cell_type": "raw", "source": "<script>"},
           {"cell_type": "code", "source": "x" * 10**6}]
    result, notes = merge(release, Submission(odd + good, ""))
    assert sources(result)["tape"] == SOLVED["tape"] and len(result.cells) == len(release.cells)
    assert notes == ["10 cell(s) are neither code nor text, or longer than 100000 characters, and were left out"]


@pytest.mark.parametrize("marks", [
    3, [], {"nbgrader": 3}, {"nbgrader": {"grade_id": 3}}, {"nbgrader": {"grade_id": "../../x"}},
    {"nbgrader": {"grade_id": "tape-test", "solution": True}}, {"nbgrader": {"grade_id": "tape", "schema_version": 99}},
])
def test_odd_metadata_do_no_harm(release, marks):
    good = json.loads(nbformat.writes(sub.answered(release, SOLVED)))["cells"]
    cell = {"cell_type": "code", "id": 7, "metadata": marks, "source": "pass", "outputs": []}
    result, _ = merge(release, Submission([cell, *good], ""))
    nbformat.validate(result)
    assert sources(result)["tape"] == SOLVED["tape"]
    assert sources(result)["tape-test"] == sources(release)["tape-test"]


def test_unprintable_text_is_replaced(release):
    good = json.loads(nbformat.writes(sub.answered(release, SOLVED)))["cells"]
    good.append({"cell_type": "markdown", "metadata": {}, "source": "a\ud800b\x00c\x1bd 😀 ü"})
    result, _ = merge(release, Submission(good, ""))
    assert result.cells[-1].source == "a?b?c?d 😀 ü"


def test_a_notebook_without_answers_is_refused(release):
    with pytest.raises(Unreadable, match="none of its cells is an answer"):
        merge(release, Submission([new_markdown_cell("hello")], ""))


def test_too_many_cells_are_refused(release):
    good = json.loads(nbformat.writes(release))["cells"]
    with pytest.raises(Unreadable, match="more than 300 extra cells"):
        merge(release, Submission(good + [{"cell_type": "code", "metadata": {}, "source": "1"}] * 301, ""))
    copies = [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "tape"}}, "source": f"{n}"} for n in range(302)]
    with pytest.raises(Unreadable, match="more than 300 extra cells"):
        merge(release, Submission(good + copies, ""))


def written(root, content):
    folder = root / "s" / "ps"
    folder.mkdir(parents=True)
    (folder / "ps.ipynb").write_bytes(content)
    return root


@pytest.mark.parametrize("content, reason", [
    (b"", "ps.ipynb is empty"),
    (b" \n", "ps.ipynb is empty"),
    (b"{", "not a notebook"),
    (b"\xff\xfe\x00", "not text in UTF-8"),
    (b"[" * 200_000, "nested too deeply"),
    (b"[1, 2]", "not a notebook of format 4"),
    (b'{"cells": 3}', "not a notebook of format 4"),
    (b'{"nbformat": 3, "worksheets": []}', "but of format 3"),
    (b'{"cells": [' + b"9" * 5000 + b"]}", "not a notebook"),
    (b" " * 20_000_001, "larger than 20 MB"),
])
def test_unreadable_contents_are_named(tmp_path, content, reason):
    with pytest.raises(Unreadable, match=reason):
        intake.read(written(tmp_path, content), "s", "ps")


def test_links_and_other_things_are_not_followed(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text('{"cells": []}')
    folder = tmp_path / "s" / "ps"
    folder.mkdir(parents=True)
    file = folder / "ps.ipynb"

    def reason():
        with pytest.raises(Unreadable) as caught:
            intake.read(tmp_path, "s", "ps")
        return str(caught.value)

    assert reason() == "there is no notebook ps.ipynb"
    file.symlink_to(secret)
    assert reason() == "ps.ipynb is a link, and links are not followed"
    secret.unlink()
    assert reason() == "ps.ipynb is a link, and links are not followed"
    file.unlink()
    os.mkfifo(file)
    assert reason() == "ps.ipynb is not a file"
    file.unlink()
    file.mkdir()
    assert reason() == "ps.ipynb is not a file"
    file.rmdir()
    (folder / "a.ipynb").write_text("{}")
    (folder / "b.ipynb").write_text("{}")
    assert reason() == "there is no notebook ps.ipynb among 2 notebooks"
    (tmp_path / "real").mkdir()
    os.rename(folder, tmp_path / "real" / "ps")
    (tmp_path / "s").rmdir()
    (tmp_path / "s").symlink_to(tmp_path / "real")
    assert reason() == "s is not a folder"


def test_a_renamed_notebook_is_taken(tmp_path):
    folder = tmp_path / "s" / "ps"
    folder.mkdir(parents=True)
    (folder / "ps (2).ipynb").write_text('\ufeff{"cells": []}')
    assert intake.read(tmp_path, "s", "ps").notes == ["the notebook is called ps (2).ipynb"]


def test_outputs_are_reduced_to_text_and_pictures():
    png = sub.picture()
    outputs = [
        3, {}, {"output_type": "stream", "name": "evil", "text": "\x1b[31mred\x1b[0m\x1b]8;;x"},
        {"output_type": "display_data", "data": {"text/html": "<script>", "text/plain": "plain", "image/svg+xml": "<svg>"}},
        {"output_type": "display_data", "data": {"image/png": png, "application/javascript": "x"}},
        {"output_type": "display_data", "data": {"image/png": '" onerror="'}},
        {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=", "image/jpeg": png}},
        {"output_type": "execute_result", "data": {"text/plain": "1000"}, "execution_count": 1},
        {"output_type": "error", "ename": "E" * 999, "evalue": "v\n", "traceback": ["x", 3]},
        {"output_type": "update_display_data", "data": {"text/plain": "x"}},
    ]
    assert intake.plain_outputs(outputs, intake.Pictures()) == [
        {"output_type": "stream", "name": "stdout", "text": "red?]8;;x"},
        {"output_type": "display_data", "data": {"text/plain": "plain"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": png}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/plain": "1000"}, "metadata": {}},
        {"output_type": "error", "ename": "E" * 199 + "…", "evalue": "v", "traceback": ["x"]},
    ]
    long = intake.plain_outputs([{"output_type": "stream", "name": "stdout", "text": "x" * 10**6}], intake.Pictures())
    assert len(long[0].text) < 30_000
