// On paper nothing scrolls, nothing is dark, and no formula may be wider than the page.
"use strict";

// What print.css says: pixels between the margins, and the size of the text.
const PAPER = { width: 642, text: 14 };

function fitFormulas() {
  const scale = PAPER.text / parseFloat(getComputedStyle(document.documentElement).fontSize);
  const formulas = [...document.querySelectorAll("main mjx-container")];
  for (const formula of formulas) formula.style.removeProperty("--wtc-fit");
  const fits = formulas.map((formula) => {
    const column = formula.closest("article").querySelector("section").clientWidth;
    const around = formula.closest("p, li, dd, summary, div").clientWidth;
    const width = formula.querySelector("mjx-math").getBoundingClientRect().width;
    // An indented paragraph is as much narrower than the paper as it is narrower than its column.
    const room = PAPER.width - (column - around) * scale;
    return room / (width * scale);
  });
  formulas.forEach((formula, k) => {
    if (fits[k] < 1) formula.style.setProperty("--wtc-fit", Math.floor(1000 * fits[k]) / 1000);
  });
}

let theme;
addEventListener("beforeprint", () => {
  theme ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  fitFormulas();
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = theme;
  theme = undefined;
});
