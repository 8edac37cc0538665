"""Zips that are the same byte for byte when their content is, with names that every system can unpack."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

#: What Windows refuses in a file's name, or would take for a device.
REFUSED = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)', re.IGNORECASE)
#: Windows stops at 260 characters for the whole path; this leaves room for the folder it is unpacked in.
LONGEST = 160


def check_names(names) -> None:
    """Raise ValueError for a name that Windows could not unpack, or two that it could not tell apart."""
    seen: dict[str, str] = {}
    for name in names:
        if bad := [part for part in name.split("/") if not part or REFUSED.search(part)]:
            raise ValueError(f"a name in a zip must be valid on Windows, got {bad[0]!r} in {name!r}")
        if len(name) > LONGEST:
            raise ValueError(f"a name in a zip must have at most {LONGEST} characters, got {name!r}")
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise ValueError(f"names in a zip must differ in more than case, got {other!r} and {name!r}")


def files_of(folder: Path, prefix: str) -> dict[str, bytes]:
    """All files of a folder and what is below, by their name in the zip."""
    return {
        f"{prefix}{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip of `files`, name to content: sorted, without dates, the same for the same content."""
    check_names(files)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # dated 1980, the first day that a zip knows
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return path
