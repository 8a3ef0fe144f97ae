"use strict";
/* Drawings of the page that compares: a difference with its interval around 0, and two retention curves. */
const forest = (() => {
  const WIDTH = 220;

  const make = (name, attributes, text) => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    if (text !== undefined) part.textContent = text;
    return part;
  };

  /* Every metric has its own scale, so that 0 is always in the middle. */
  const difference = ([value, low, high]) => {
    const svg = make("svg", { viewBox: `0 0 ${WIDTH} 32`, width: WIDTH, height: 32, "aria-hidden": "true" });
    const most = Math.max(Math.abs(value), Math.abs(low ?? 0), Math.abs(high ?? 0)) || 1;
    const x = (v) => (WIDTH / 2 + (v / most) * (WIDTH / 2 - 8)).toFixed(1);
    svg.append(make("path", { class: "axis", d: `M${WIDTH / 2} 0V32` }));
    if (low !== null && high !== null) svg.append(make("path", { class: "range", d: `M${x(low)} 16H${x(high)}` }));
    svg.append(make("circle", { class: "dot", cx: x(value), cy: 16, r: 4 }));
    return svg;
  };

  const curves = (svg, horizon, lines) => {
    const x = (step) => (56 + (step / horizon) * 572).toFixed(1);
    const y = (share) => (284 - share * 274).toFixed(1);
    const parts = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      make("path", { class: "grid", d: `M56 ${y(share)}H628` }),
      make("text", { class: "y", x: 48, y: Number(y(share)) + 4 }, `${100 * share} %`),
    ]);
    const ticks = [0, Math.round(horizon / 2), horizon];
    parts.push(...ticks.map((step) => make("text", { class: "x", x: x(step), y: 302 }, step)));
    parts.push(make("text", { class: "x", x: 342, y: 322 }, "step"));
    lines.forEach((curve, n) => {
      const points = [[0, 1], ...curve].map(([step, share]) => `${x(step)},${y(share)}`).join(" ");
      parts.push(make("polyline", { class: `line c${n}${n ? " d1" : ""}`, points }));
    });
    svg.replaceChildren(...parts);
  };

  const key = (n) => {
    const svg = make("svg", { viewBox: "0 0 20 8", width: 20, height: 8, "aria-hidden": "true" });
    svg.append(make("path", { class: `line c${n}${n ? " d1" : ""}`, d: "M1 4H19" }));
    return svg;
  };
  return { curves, difference, key };
})();
