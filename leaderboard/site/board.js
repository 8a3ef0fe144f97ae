"use strict";
/* Sorting, filtering and pointing. The page is complete without this script. */
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  // Sorting: each body of a table for itself, so that rows apart stay apart. Rows without a figure come last.
  const sortBy = (th) => {
    const table = th.closest("table");
    const column = th.cellIndex;
    const text = column === 0 || th.classList.contains("text");
    const before = th.getAttribute("aria-sort");
    const ascending = before ? before === "descending" : text;
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.v;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const order = text ? x.localeCompare(y, "en") : Number(x) - Number(y);
      return ascending ? order : -order;
    };
    for (const body of table.tBodies) {
      body.append(...all("tr[data-entry]", body).sort(compare));
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("thead button");
    if (button) sortBy(button.closest("th"));
  });

  // Filtering: every word must occur in the row's text.
  const rows = all("tr[data-entry]").map((row) => ({
    id: row.dataset.entry,
    text: `${row.closest("article").querySelector("h3").textContent} ${row.textContent}`.toLowerCase(),
  }));
  const input = document.getElementById("filter");
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set(rows.filter((row) => words.every((word) => row.text.includes(word))).map((row) => row.id));
    all("[data-entry]").forEach((part) => part.toggleAttribute("hidden", !shown.has(part.dataset.entry)));
    all("tbody.apart").forEach((body) => {
      body.hidden = !all("tr[data-entry]", body).some((row) => !row.hidden);
    });
    const found = words.length ? `${shown.size} of ${rows.length} rows` : "";
    document.getElementById("found").textContent = found;
  };
  input.addEventListener("input", filter);
  filter(); // browsers restore the field's text on reload

  // Pointing at a row or a legend entry brings its curve forward.
  const point = (event) => {
    const part = event.target.closest?.("tr[data-entry], li[data-entry]");
    all(".hot").forEach((old) => old.classList.remove("hot"));
    all(".chart.focus").forEach((chart) => chart.classList.remove("focus"));
    if (!part) return;
    const same = all(`[data-entry="${CSS.escape(part.dataset.entry)}"]`);
    same.forEach((other) => other.classList.add("hot"));
    same.forEach((other) => other.closest(".chart")?.classList.add("focus"));
  };
  document.addEventListener("pointerover", point);
  document.addEventListener("focusin", point);

  // A link to a record opens it, in browsers that do not do so themselves.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details:not([open])");
    if (closed) {
      closed.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
})();
