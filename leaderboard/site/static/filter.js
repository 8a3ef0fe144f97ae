"use strict";
/* The first page: tables and rows by suite, track, environment, badge and agent. */
(() => {
  const form = document.getElementById("filters");
  const found = document.getElementById("found");
  const names = ["suite", "track", "environment", "badge", "agent"];
  const wanted = () => Object.fromEntries(names.map((name) => [name, form.elements[name].value]));

  const matcher = ({ badge, agent }) => {
    const words = agent.toLowerCase().split(/\s+/).filter(Boolean);
    if (!badge && !words.length) return null;
    return (row) => {
      const text = row.cells[0].textContent.toLowerCase();
      return (!badge || row.dataset.badge === badge) && words.every((word) => text.includes(word));
    };
  };

  let turn = 0;
  const apply = async () => {
    const mine = ++turn; // rows may still be loading when the next letter is typed
    const want = wanted();
    const match = matcher(want);
    let rows = 0;
    for (const board of longrec.boards) {
      const place = board.table.closest("[data-environment]"); // empty for a table over all environments
      const fits = ["suite", "track", "environment"].every((name) => !want[name] || place.dataset[name] === want[name]);
      const count = fits ? await board.filter(match) : 0;
      if (mine !== turn) return;
      place.hidden = !count;
      if (place.dataset.environment) rows += count;
    }
    for (const suite of document.querySelectorAll("section.suite")) {
      suite.hidden = ![...suite.querySelectorAll("[data-environment]")].some((place) => !place.hidden);
    }
    const asked = match || names.some((name) => want[name]);
    found.textContent = asked ? `${rows} ${rows === 1 ? "row" : "rows"}` : "";
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  if (names.some((name) => form.elements[name].value)) apply(); // browsers restore fields on reload
})();
