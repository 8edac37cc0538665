// A formula in the text that is wider than its column scrolls in itself; MathJax cannot break it.
"use strict";

function markWideFormulas() {
  for (const formula of document.querySelectorAll("main span.math > mjx-container")) {
    const column = formula.closest("p, li, td, dd, summary");
    const width = formula.querySelector("mjx-math").getBoundingClientRect().width;
    if (column && width > 0) formula.classList.toggle("wtc-wide", width > column.clientWidth);
  }
}

addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  markWideFormulas();
  addEventListener("resize", markWideFormulas);
  // Formulas in a folded solution have a width only once it is open.
  document.addEventListener("toggle", markWideFormulas, { capture: true });
});
