"use strict";
/* What agents tell of themselves is free-form: any JSON as text, known keys first and under a name that people read.
   Only text nodes are made of it. */
const told = (() => {
  const NAMES = {
    plan: "Plan", principle: "Principle it rests on", reflections: "Reflections it was given", beliefs: "Held true",
    thought: "Thought", answer: "Answer", named: "Titles it named", grounded: "How they were found",
    value: "Critic’s value", risk: "Critic’s chance of leaving", candidates: "Candidates", tools: "Tools asked",
    planned: "Planned at step", text: "Lesson", principles: "Principles", cause: "How it ended", session: "Training session", stayed: "Steps stayed",
    horizon: "Horizon", earned: "Earned", look_for: "Look for", repeat_after: "Repeat after",
  };
  const ORDER = Object.keys(NAMES);

  const element = (name, ...children) => {
    const part = document.createElement(name);
    part.append(...children);
    return part;
  };
  const title = (key) => NAMES[key] || key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");
  const place = (key) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
  const empty = (value) =>
    value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);

  const entries = (value) =>
    Object.entries(value)
      .filter(([, part]) => !empty(part))
      .sort(([a], [b]) => place(a) - place(b))
      .flatMap(([key, part]) => [element("dt", title(key)), element("dd", show(part))]);

  /* An object in a list: its text, then the rest of it on one line where that is short. */
  const brief = (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return show(value);
    const main = ["text", "title", "tool"].find((key) => typeof value[key] === "string");
    const rest = Object.entries(value).filter(([key, part]) => key !== main && !empty(part));
    if (!main || rest.some(([, part]) => typeof part === "object" && !Array.isArray(part))) return show(value);
    const short = rest.sort(([a], [b]) => place(a) - place(b)).map(([key, part]) => `${title(key)}: ${[part].flat().join("; ")}`);
    const line = element("small", short.join(" · "));
    line.className = line.textContent.length > 40 ? "below" : "";
    return element("div", element("bdi", value[main]), " ", line);
  };

  const show = (value) => {
    if (typeof value === "number") return String(Math.round(value * 1e4) / 1e4);
    if (typeof value !== "object" || value === null) return element("bdi", String(value));
    if (!Array.isArray(value)) return element("dl", ...entries(value));
    if (value.every((part) => typeof part !== "object" && String(part).length < 40)) return value.join(", ");
    return element("ul", ...value.map((part) => element("li", brief(part))));
  };
  return { entries, show, element };
})();
