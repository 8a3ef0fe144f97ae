"use strict";
/* The life-line: what was shown, what it earned and how near to leaving the user was, drawn over the whole session. */
const lifeline = (() => {
  const [LEFT, RIGHT, TOP, ITEMS, REWARDS, BOTTOM] = [56, 992, 6, 44, 118, 168];
  const COLOURS = 9; // categories with a colour of their own; the others are grey

  const make = (name, attributes, text) => {
    const part = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
    if (text !== undefined) part.textContent = text;
    return part;
  };

  /* The most frequent categories of all sessions, each with its colour. */
  const palette = (data) => {
    const count = new Map();
    for (const { moments } of data.sessions) {
      for (const { shown } of moments) {
        for (const item of shown) count.set(data.items[item][1], (count.get(data.items[item][1]) || 0) + 1);
      }
    }
    const first = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, COLOURS);
    return new Map(first.map(([group], n) => [group, `c${n}`]));
  };

  class Lifeline {
    constructor(svg, data, choose) {
      this.svg = svg;
      this.data = data;
      this.colours = palette(data);
      svg.addEventListener("click", (event) => {
        const box = svg.getBoundingClientRect();
        const x = ((event.clientX - box.left) / box.width) * 1000;
        choose(Math.min(Math.max(Math.floor((x - LEFT) / this.width) + 1, 0), this.steps));
      });
    }

    draw(session) {
      const { moments } = session;
      this.steps = moments.length;
      this.width = (RIGHT - LEFT) / Math.max(this.steps, 20);
      const high = Math.max(1e-9, ...moments.map(({ reward }) => Math.abs(reward)));
      const parts = [
        make("text", { class: "y", x: LEFT - 8, y: 28 }, "shown"),
        make("text", { class: "y", x: LEFT - 8, y: 90 }, "reward"),
        make("text", { class: "y", x: LEFT - 8, y: 150 }, "fatigue"),
        make("path", { class: "axis", d: `M${LEFT} ${REWARDS}H${RIGHT}M${LEFT} ${BOTTOM}H${RIGHT}` }),
      ];
      this.cursor = make("rect", { class: "cursor", y: 0, width: this.width, height: BOTTOM });
      parts.push(this.cursor);
      moments.forEach(({ shown, reward }, n) => {
        const x = LEFT + n * this.width;
        const row = (ITEMS - TOP) / Math.max(shown.length, 1);
        shown.forEach((item, slot) => {
          const colour = this.colours.get(this.data.items[item][1]) || "";
          const place = { x: x + this.width * 0.08, y: TOP + slot * row, width: this.width * 0.84, height: row * 0.9 };
          parts.push(make("rect", { class: `item ${colour}`, ...place }));
        });
        const size = (Math.abs(reward) / high) * 60;
        const bar = { x: x + this.width * 0.2, y: REWARDS - size, width: this.width * 0.6, height: size };
        parts.push(make("rect", { class: reward < 0 ? "lost" : "earned", ...bar }));
      });
      parts.push(make("path", { class: "tired", d: this.path([session.fatigue, ...moments.map((m) => m.fatigue)]) }));
      for (let step = 10; step <= this.steps; step += 10 * Math.ceil(this.steps / 150)) {
        parts.push(make("text", { class: "x", x: LEFT + (step - 0.5) * this.width, y: 184 }, step));
      }
      this.svg.replaceChildren(...parts);
      const end = session.left ? `left: ${session.cause}` : `end: ${session.cause}`;
      this.svg.setAttribute("aria-label", `Life-line of ${this.steps} steps, ${end}; the same as a table below`);
    }

    path(values) {
      const y = (value) => (BOTTOM - value * 40).toFixed(1);
      return "M" + values.map((value, n) => `${(LEFT + n * this.width).toFixed(1)} ${y(value)}`).join("L");
    }

    mark(step) {
      this.cursor.setAttribute("x", LEFT + (Math.max(step, 1) - 1) * this.width);
      this.cursor.toggleAttribute("hidden", !step);
    }
  }
  return Lifeline;
})();
