// What a browser refuses to a page that was opened as a file: to look into other pages, and to save one of the book's files.
"use strict";

if (location.protocol === "file:") {
  // The list of what was found has no excerpts: they would have to be fetched.
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  // The zip of the book holds each notebook once more as a script, which a page may load, and which calls this.
  window.saveNotebook = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
    link.download = name;
    link.click();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[download][href$=".ipynb"]');
    if (!link) return;
    event.preventDefault();
    const script = document.createElement("script");
    script.src = `${link.href}.js`;
    script.onerror = () => (location.href = link.href); // not the zip: the browser shows the file
    document.head.append(script);
  });
}
