"use strict";
/* Tables: sorting, filtering, and rows that come from data files when they are asked for. Pages are complete without it
   as far as their rows go. */
const longrec = (() => {
  const PAGE = 100; // rows that "show more" adds

  /* Loads a script once. Files need no server so, as they would for fetch. */
  const loads = new Map();
  const load = (address) => {
    if (!loads.has(address)) {
      loads.set(address, new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = address;
        script.onload = done;
        script.onerror = () => failed(new Error(`${address} is missing`));
        document.head.append(script);
      }));
    }
    return loads.get(address);
  };

  const late = new Map(); // rows by table, as data files bring them
  const rows = (id, html) => {
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${html}</tbody></table>`;
    late.set(id, [...(late.get(id) || []), ...template.content.querySelectorAll("tr")]);
  };

  class Board {
    constructor(table) {
      this.table = table;
      this.body = table.tBodies[0];
      this.rows = [...this.body.rows];
      this.limit = this.first = this.rows.length;
      this.total = Number(table.dataset.total);
      this.column = null;
      this.ascending = false;
      this.match = () => true;
      this.button = table.closest(".scroll").parentElement.querySelector(`[data-for="${CSS.escape(table.id)}"]`);
      this.button?.addEventListener("click", async () => {
        await this.complete();
        this.limit += PAGE;
        this.show();
      });
      table.tHead.addEventListener("click", async (event) => {
        const heading = event.target.closest("button")?.closest("th");
        if (!heading) return;
        await this.complete();
        this.sort(heading);
      });
    }

    /* Reads the rows that the page does not hold. */
    async complete() {
      if (this.rows.length >= this.total) return;
      await Promise.all(this.table.dataset.more.split(" ").map(load));
      this.rows = [...this.rows, ...(late.get(this.table.id) || [])].slice(0, this.total);
    }

    sort(heading) {
      const byTier = heading.dataset.by === "tier";
      const text = heading.classList.contains("text");
      const before = heading.getAttribute("aria-sort");
      this.ascending = before ? before === "descending" : text;
      for (const other of this.table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", this.ascending ? "ascending" : "descending");
      this.table.classList.toggle("sorted", !byTier);
      this.column = byTier && !this.ascending ? null : heading.cellIndex;
      this.key = byTier ? (row) => -row.dataset.tier : (row) => row.cells[this.column].dataset.v;
      this.text = text;
      this.show();
    }

    /* Rows without a figure come last; inside a tier nothing is ordered but by name. */
    ordered(list) {
      if (this.column === null) return list;
      const sign = this.ascending ? 1 : -1;
      return [...list].sort((a, b) => {
        const [x, y] = [this.key(a), this.key(b)];
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        return sign * (this.text ? x.localeCompare(y, "en") : Number(x) - Number(y));
      });
    }

    show() {
      const found = this.ordered(this.rows.filter(this.match));
      const shown = found.slice(0, this.limit);
      shown.forEach((row, n) => row.classList.toggle("same", n > 0 && row.dataset.tier === shown[n - 1].dataset.tier));
      this.body.replaceChildren(...shown);
      this.found = found.length;
      if (this.button) {
        this.button.hidden = shown.length === found.length;
        this.button.textContent = `Show more: ${shown.length} of ${found.length} agents are shown`;
      }
    }

    /* Shows the rows that `match`; those of the apart body too. Null stands for all. */
    async filter(match) {
      if (match) await this.complete();
      this.match = match || (() => true);
      this.limit = match ? Math.max(PAGE, this.first) : this.first;
      this.show();
      const apart = [...(this.table.querySelector("tbody.apart")?.rows || [])].filter((row) => row.dataset.badge);
      for (const row of apart) row.hidden = !this.match(row);
      const kept = apart.filter((row) => !row.hidden).length;
      const divider = this.table.querySelector("tr.divider");
      if (divider) divider.hidden = !kept;
      return this.found + kept;
    }
  }

  const boards = [...document.querySelectorAll("table.board")].map((table) => new Board(table));

  // Which group of columns a table shows.
  for (const choice of document.querySelectorAll("select[data-columns]")) {
    const apply = () => (document.getElementById(choice.dataset.columns).dataset.group = choice.value);
    choice.addEventListener("change", apply);
    apply();
  }
  return { boards, load, rows };
})();
