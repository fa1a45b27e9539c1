// On every page: search from files and without headers, boxes that scroll, outputs that wrap.
(() => {
  "use strict";
  // Below each result the search shows a piece of the page, which a page from a file may not fetch.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  // What is wider than the page scrolls in its own box; only then the keyboard reaches it.
  const BOXES = ".wide, .bd-article pre, .bd-article .pst-scrollable-table-container, " +
    ".bd-article .cell_output .output";
  const update = () => {
    for (const box of document.querySelectorAll(BOXES)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else if (box.matches(".wide")) box.removeAttribute("tabindex");
    }
  };
  // Sentences may wrap; a printed table, known by the gaps between its columns, must not.
  const wrap = () => {
    for (const printed of document.querySelectorAll(".bd-article .cell_output pre"))
      printed.classList.toggle("sentences", !/\S {2,}\S/.test(printed.textContent));
  };
  // A table that a phone shows as a stack: each cell says its column.
  const nameCells = () => {
    for (const table of document.querySelectorAll(".stack table")) {
      const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
      for (const row of table.tBodies[0].rows)
        [...row.cells].forEach((cell, i) => { cell.dataset.column = names[i]; });
    }
  };
  // The piece of a page that the search shows begins with its text, not with the header's buttons.
  const trimSearch = () => {
    if (typeof Search === "undefined") return;
    const htmlToText = Search.htmlToText;
    Search.htmlToText = (text, anchor) => {
      const page = new DOMParser().parseFromString(text, "text/html");
      for (const part of page.querySelectorAll(".bd-header-article, #jb-print-docs-body")) part.remove();
      return htmlToText(page.documentElement.outerHTML, anchor);
    };
  };
  document.addEventListener("DOMContentLoaded", () => { wrap(); nameCells(); trimSearch(); });
  window.addEventListener("load", update);
  window.addEventListener("resize", update);
})();
