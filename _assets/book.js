// What is wider than its column scrolls in itself, and a keyboard can scroll it.
"use strict";

// What may scroll, and what it is called when the focus comes to it.
const SCROLLERS = {
  "mjx-container[display], mjx-container.wtc-wide": "Formula",
  pre: "Code",
  ".pst-scrollable-table-container": "Table",
};

// A formula in the text that does not fit its column; MathJax cannot break it.
function markWideFormulas() {
  for (const formula of document.querySelectorAll("main span.math > mjx-container")) {
    const column = formula.closest("p, li, td, dd, summary");
    const width = formula.querySelector("mjx-math").getBoundingClientRect().width;
    if (column && width > 0) formula.classList.toggle("wtc-wide", width > column.clientWidth);
  }
}

function markScrollers() {
  markWideFormulas();
  for (const [selector, name] of Object.entries(SCROLLERS)) {
    for (const element of document.querySelectorAll(`main :is(${selector})`)) {
      const wide = element.scrollWidth > element.clientWidth;
      for (const [attribute, value] of Object.entries({ tabindex: 0, role: "group", "aria-label": name })) {
        if (wide) element.setAttribute(attribute, value);
        else element.removeAttribute(attribute);
      }
    }
  }
}

addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  markScrollers();
  addEventListener("resize", markScrollers);
  // What is in a folded solution has a width only once it is open.
  document.addEventListener("toggle", markScrollers, { capture: true });
});

// On a phone a figure is as small as the page is narrow. A tap makes it as large as on a desk, about where it was tapped.
const phone = matchMedia("screen and (max-width: 40rem)");
document.addEventListener("click", ({ target, clientX }) => {
  const figure = target.closest("main .wtc-figure");
  if (!figure || !phone.matches) return;
  const box = figure.getBoundingClientRect();
  if (figure.classList.toggle("wtc-large")) {
    figure.scrollLeft = ((clientX - box.left) / box.width) * (figure.scrollWidth - box.width);
    figure.tabIndex = 0; // so that arrow keys scroll it
  } else {
    figure.removeAttribute("tabindex");
  }
});

// The theme takes the focus off the buttons of its header. Who pressed one with a key goes on from there.
document.addEventListener(
  "click",
  ({ target, detail }) => {
    const button = detail === 0 && target.closest(".bd-header-article button");
    if (button) setTimeout(() => document.activeElement === document.body && button.focus());
  },
  { capture: true },
);
