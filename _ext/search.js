// How the search page orders what it found: the chapters that are about it first, then everything else.
// Sphinx calls score() for every result. finding.py counts words and terms when the book is built.

// Sphinx takes an anchor for a selector; ours may have dots in them. And nobody wants to read LaTeX in a summary.
const textOf = Search.htmlToText;
Search.htmlToText = (html, anchor) =>
  textOf(html, anchor && `#${CSS.escape(anchor.slice(1))}`).replace(/\\([([])(.+?)\\[)\]]/gs, (all, kind, formula) =>
    formula.includes("\\") ? "…" : formula,
  );

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  // What the chapter has of a word. A word that is only begun counts half of the best one it may become.
  weight: (stem, page) => {
    const exact = Search.weights[stem]?.[page];
    if (exact || stem.length < 3) return exact ?? 0;
    const begun = Object.keys(Search.weights).filter((other) => other.startsWith(stem));
    return Math.max(0, ...begun.map((other) => Search.weights[other][page] ?? 0)) / 2;
  },

  // What the glossary finds in the chapter: up to 60 for a term that was asked for in full.
  defined: (stems, page) => {
    const shares = Search.terms
      .filter(([term, chapter]) => chapter === page && stems.every((stem) => term.includes(stem)))
      .map(([term]) => stems.length / term.length);
    return 60 * Math.max(0, ...shares);
  },

  score: ([page, title, anchor, description, score]) => {
    const query = new URLSearchParams(location.search).get("q") ?? "";
    const stemmer = new Stemmer();
    const stems = splitQuery(query.toLowerCase())
      .filter((word) => word.length > 1 && !stopwords.includes(word))
      .map((word) => stemmer.stemWord(word));
    const pairs = stems.slice(1).map((stem, k) => `${stems[k]} ${stem}`);
    const total = (asked) => asked.reduce((sum, words) => sum + Scorer.weight(words, page), 0);
    const weight = total(stems) + total(pairs) / 2;
    return weight > 0 ? 100 + weight + Scorer.defined(stems, page) + score / 100 : score;
  },
};
