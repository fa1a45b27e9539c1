// On every page: search from files, and boxes that scroll.
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
  window.addEventListener("load", update);
  window.addEventListener("resize", update);
})();
