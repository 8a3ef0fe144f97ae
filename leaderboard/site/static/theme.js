"use strict";
/* Light, dark, or as the system has it. It runs before anything is painted. */
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try {
    theme = localStorage.getItem("longrec-theme") || theme;
  } catch {
    // Some browsers give a page from a file no storage: then a choice lasts for the page.
  }
  const apply = () => {
    root.toggleAttribute("data-theme", theme !== "auto");
    if (theme !== "auto") root.dataset.theme = theme;
  };
  apply();
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => (button.textContent = `Theme: ${theme}`);
    button.hidden = false;
    name();
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      apply();
      name();
      try {
        localStorage.setItem("longrec-theme", theme);
      } catch {
        // as above
      }
    });
  });
})();
