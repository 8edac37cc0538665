// The pages of the book as one document, made in the browser that prints it.
// pages: [{path, html, part}], in reading order, part being the title of the part that starts there.
// folder: the address of the built pages. front: {title, subtitle, authors, edition, notes}.
({ pages, folder, front }) => {
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");
  const element = (html) => parse(html).body.firstElementChild;
  const key = (path) => path.replace(/\.html$/, "").replace(/\W+/g, "-");
  const known = new Set(pages.map((page) => new URL(page.path, folder).href));

  // The number of the page where an element is; filled in once it is known.
  const pageOf = (id) => `<span class="page-number" data-of="${id}">000</span>`;

  // A heading as it is listed: its number, words and formulas.
  const title = (heading) => {
    const copy = heading.cloneNode(true);
    copy.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return copy.innerHTML.trim();
  };

  // The same as plain text, for the head of a page.
  const plain = (heading) => element(`<p>${title(heading)}</p>`).textContent.replace(/\\[()]/g, "").trim();

  // Identifiers get the page's key in front, and links lead to them.
  function relink(article, path) {
    const here = new URL(path, folder);
    for (const e of article.querySelectorAll("[id]")) {
      if (!e.closest("svg, .wtc-explore")) e.id = `${key(path)}--${e.id}`;
    }
    for (const link of article.querySelectorAll("a[href]")) {
      const target = new URL(link.getAttribute("href"), here);
      const fragment = decodeURIComponent(target.hash.slice(1));
      target.hash = "";
      if (known.has(target.href)) {
        const page = key(target.href.slice(folder.length));
        link.setAttribute("href", fragment ? `#${page}--${fragment}` : `#${page}`);
      } else if (target.protocol === "file:") {
        link.replaceWith(...link.childNodes); // a download or an index: not on paper
      }
    }
    for (const image of article.querySelectorAll("img[src]")) {
      image.src = new URL(image.getAttribute("src"), here).href;
    }
  }

  // One level down: the parts of the book are the first.
  function lower(article) {
    for (const level of [5, 4, 3, 2, 1]) {
      for (const heading of article.querySelectorAll(`h${level}`)) {
        const lowered = document.createElement(`h${level + 1}`);
        lowered.id = heading.id;
        lowered.className = `level-${level}`;
        lowered.append(...heading.childNodes);
        heading.replaceWith(lowered);
      }
    }
  }

  // What a folded text answers: the exercise or the question before it.
  function question(details) {
    let before = details;
    while ((before = before.previousElementSibling)) {
      const bold = before.matches("p") && before.querySelector(":scope > strong:first-child");
      if (bold && before.textContent.trim().startsWith(bold.textContent)) break;
    }
    const words = before?.querySelector("strong").innerHTML ?? "";
    const section = title(details.closest("section").querySelector("h1, h2, h3, h4"));
    return /^Predict\./.test(words) || !words ? `The prediction in “${section}”` : words;
  }

  const book = parse(pages[0].html);
  for (const e of book.head.querySelectorAll("[href], [src]")) {
    const name = e.hasAttribute("src") ? "src" : "href";
    const keep = e.matches("link[rel=stylesheet]") || /\/(explore|print|tex-chtml)\.js/.test(e.getAttribute(name));
    if (keep) e.setAttribute(name, new URL(e.getAttribute(name), new URL(pages[0].path, folder)).href);
    else e.remove();
  }
  book.querySelectorAll("script:not([src])").forEach((e) => /window\.MathJax/.test(e.textContent) || e.remove());
  book.title = front.title;
  book.documentElement.dataset.theme = "light";
  const column = element(
    '<main class="bd-main"><div class="bd-content"><div class="bd-article-container"></div></div></main>',
  );
  book.body.replaceChildren(column);
  const container = column.querySelector(".bd-article-container");
  const contents = element(
    '<article class="bd-article" id="contents"><section><h1>Contents</h1><div class="contents"></div></section></article>',
  );
  const solutions = element(
    '<article class="bd-article" id="solutions"><section><h1>Solutions</h1></section></article>',
  );
  const heads = [];

  function list(level, id, text) {
    contents
      .querySelector(".contents")
      .append(element(`<p class="entry-${level}"><a href="#${id}">${text}</a>${pageOf(id)}</p>`));
  }

  function takeSolutions(article, chapter) {
    const folded = [...article.querySelectorAll("details")];
    if (!folded.length) return;
    const section = solutions.querySelector("section");
    section.append(element(`<h2 class="level-1" id="solutions-${article.id}">${title(chapter)}</h2>`));
    folded.forEach((details, k) => {
      const [from, to] = [`${article.id}--folded-${k}`, `${article.id}--unfolded-${k}`];
      const words = question(details);
      const summary = details.querySelector("summary").textContent;
      const answer = element('<div class="solution"></div>');
      details.querySelector("summary").remove();
      answer.append(
        element(`<p class="asked" id="${to}"><a href="#${from}"><strong>${words}</strong></a></p>`),
        ...details.childNodes,
      );
      section.append(answer);
      details.replaceWith(
        element(`<p class="folded" id="${from}"><a href="#${to}">${summary}</a>: page ${pageOf(to)}</p>`),
      );
    });
  }

  const articles = pages.map(({ path, html, part }) => {
    const article = book.adoptNode(parse(html).querySelector("article.bd-article"));
    article.id = key(path);
    article.querySelectorAll(".headerlink, .wtc-take").forEach((e) => e.remove());
    const chapter = article.querySelector("h1");
    heads.push([article.id, plain(chapter)]);
    relink(article, path);
    takeSolutions(article, chapter);
    lower(article);
    if (part) {
      article.prepend(element(`<h1 class="part" id="part-${article.id}">${part}</h1>`));
      list(0, `part-${article.id}`, part);
    }
    list(1, article.id, title(article.querySelector("h2")));
    for (const section of article.querySelectorAll("h3")) list(2, section.parentElement.id, title(section));
    return article;
  });
  list(0, "solutions", "Solutions");
  heads.push(["solutions", "Solutions"], ["contents", "Contents"]);

  container.append(
    element(`<article class="bd-article" id="front">
      <p class="front-title">${front.title}</p>
      <p class="front-subtitle">${front.subtitle}</p>
      <p class="front-authors">${front.authors}</p>
      <p class="front-edition">${front.edition}</p>
      <p class="front-notes">${front.notes}</p>
    </article>`),
    contents,
    ...articles,
    solutions,
  );
  const style = book.head.appendChild(book.createElement("style"));
  style.textContent = heads
    .map(([id, text]) => `#${id} { page: p-${id} } @page p-${id} { @top-center { content: ${JSON.stringify(text)} } }`)
    .join("\n");
  return `<!DOCTYPE html>${book.documentElement.outerHTML}`;
}
