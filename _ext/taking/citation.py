"""How to cite the book, made from CITATION.cff: one line of text, and BibTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

#: Letters that BibTeX reads as commands.
SPECIAL = re.compile(r"([&%$#_{}])")


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _year(cff: Mapping) -> str:
    """When the edition came out; nothing if it did not yet."""
    return str(cff.get("date-released", ""))[:4]


def authors(cff: Mapping) -> str:
    """People and groups, in one line."""
    return ", ".join(
        a["name"] if "name" in a else f"{a['given-names']} {a['family-names']}" for a in cff["authors"]
    )


def plain(cff: Mapping) -> str:
    """Authors (year). Title. Version. Where."""
    text = f"{authors(cff)} ({_year(cff) or 'in preparation'}). {cff['title']}. Version {cff['version']}."
    where = f"doi:{cff['doi']}" if "doi" in cff else cff.get("url") or cff.get("repository-code")
    return f"{text} {where}" if where else text


def bibtex(cff: Mapping) -> str:
    """An entry of type misc, which every style knows; a group's name is kept in one piece."""
    names = " and ".join(
        f"{{{_escape(a['name'])}}}"
        if "name" in a
        else f"{_escape(a['family-names'])}, {_escape(a['given-names'])}"
        for a in cff["authors"]
    )
    fields = {
        "author": names,
        "title": f"{{{_escape(cff['title'])}}}",
        "year": _year(cff),
        "note": f"Version {cff['version']}" + ("" if _year(cff) else ", in preparation"),
        "doi": cff.get("doi"),
        "url": cff.get("url") or cff.get("repository-code"),
    }
    key = re.sub(r"\W+", "-", f"{cff['title'].split(':')[0]} {_year(cff) or cff['version']}".lower())
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
