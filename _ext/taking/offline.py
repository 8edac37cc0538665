"""The built book as one zip: unpack it, open START.html, read without a network.

python -m taking.offline BOOK ZIP, with the folder of the built pages.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from taking import NAME, version, zips

#: Of the build, not of the book.
LEFT_OUT = {".buildinfo", ".nojekyll", "objects.inv"}

START = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What Thinking Costs</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1.2rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem; }
</style>
</head>
<body>
<h1>What Thinking Costs</h1>
<p><a href="book/intro.html">Open the book</a></p>
<p id="lonely" hidden>
The pages of the book are not beside this file. You may be looking into the zip without having unpacked it. Unpack all of it, and then open
START.html in the folder that appears.
</p>
<!-- Any file of the book tells whether the book is there. -->
<script src="book/_static/documentation_options.js"
        onload="location.replace('book/intro.html')"
        onerror="document.getElementById('lonely').hidden = false"></script>
</body>
</html>
"""


def offline_zip(book: Path, path: Path) -> Path:
    """START.html, and beside it the folder with the book."""
    top = f"{NAME}-{version()}/"
    files = zips.files_of(book, f"{top}book/")
    if f"{top}book/intro.html" not in files:
        raise ValueError(f"the book must be built first, found no intro.html in {book}")
    for name in LEFT_OUT:
        files.pop(f"{top}book/{name}", None)
    for name in [n for n in files if n.endswith(".ipynb")]:
        # A page opened as a file may load a script, but not save a file; see offline.js.
        arguments = (name.rsplit("/", 1)[1], files[name].decode("utf-8"))
        files[f"{name}.js"] = f"saveNotebook({', '.join(map(json.dumps, arguments))});\n".encode()
    return zips.write(path, files | {f"{top}START.html": START.encode()})


if __name__ == "__main__":
    print("Zip of the book:", offline_zip(Path(sys.argv[1]), Path(sys.argv[2])).resolve())
