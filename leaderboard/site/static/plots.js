"use strict";
/* Pointing at a name or a line brings that line forward; a choice shows one of several plots. */
(() => {
  for (const chart of document.querySelectorAll("figure.chart")) {
    const svg = chart.querySelector(".plot > svg");
    const point = (event) => {
      const line = event.target.closest?.("[data-line]")?.dataset.line;
      for (const part of chart.querySelectorAll("[data-line]")) part.classList.toggle("hot", part.dataset.line === line);
      svg.classList.toggle("focus", line !== undefined);
    };
    chart.addEventListener("pointerover", point);
    chart.addEventListener("pointerleave", point);
    chart.addEventListener("focusin", point);
  }
  for (const choice of document.querySelectorAll("select[data-shows]")) {
    const parts = document.getElementById(choice.dataset.shows).querySelectorAll("[data-part]");
    const apply = () => parts.forEach((part) => (part.hidden = part.dataset.part !== choice.value));
    choice.addEventListener("change", apply);
    apply();
  }
})();
