"use strict";
/* Writes tier and rank into the page of an agent: `found` has both for every row of a table. */
const places = (found) => {
  for (const cell of document.querySelectorAll("[data-place]")) {
    const { place, part } = cell.dataset;
    if (Object.hasOwn(found, place)) cell.textContent = found[place][part];
  }
};
