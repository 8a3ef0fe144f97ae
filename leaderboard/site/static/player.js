"use strict";
/* The player: one session at a time, one step at a time. */
(() => {
  const block = document.getElementById("lives");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const at = (id) => document.getElementById(id);
  const { element } = told;
  const PACE = 700; // milliseconds a step

  let number = 0; // of the session
  let step = 0; // 0 is before the first item
  let timer = null;
  const session = () => data.sessions[number];
  const last = () => session().moments.length;
  const figure = (value) => String(Math.round(value * 1000) / 1000);
  const end = ({ cause, left }) => `${left ? "left" : "end"}: ${cause.replaceAll("-", " ")}`;

  const item = (index) => {
    const [title, group] = data.items[index];
    const key = element("span");
    key.className = `key ${line.colours.get(group) || ""}`;
    const category = element("small", key, ` ${data.groups[group]}`);
    return element("li", element("bdi", title), category);
  };

  const showItems = () => {
    const box = at("shown");
    if (!step) {
      box.replaceChildren(element("p", `User ${session().user} comes. Nothing was shown yet.`));
      return;
    }
    const moment = session().moments[step - 1];
    const list = element("ul", ...moment.shown.map(item));
    list.className = "items";
    const parts = [list, element("p", "Reward ", element("b", figure(moment.reward)))];
    if (step === last()) {
      const total = session().moments.reduce((sum, { reward }) => sum + reward, 0);
      const verdict = element("p", element("b", end(session())), ` after ${step} of ${data.horizon} steps, return ${figure(total)}`);
      verdict.className = `verdict ${session().left ? "left" : ""}`;
      parts.push(verdict);
    }
    box.replaceChildren(...parts);
  };

  const showHidden = () => {
    const { fatigue, hidden } = step ? session().moments[step - 1] : session();
    const meter = element("meter");
    Object.assign(meter, { min: 0, max: 1, value: fatigue });
    meter.setAttribute("aria-label", "Fatigue");
    const rows = [element("dt", "Fatigue: how near to leaving"), element("dd", meter, ` ${figure(fatigue)}`)];
    hidden.forEach((value, n) => rows.push(element("dt", data.hidden[n]), element("dd", figure(value))));
    at("hidden").replaceChildren(...rows);
  };

  const showTold = () => {
    const said = step ? session().moments[step - 1].told : undefined;
    at("told").hidden = !said;
    at("told").querySelector("dl").replaceChildren(...(said ? told.entries(said) : []));
  };

  const go = (to) => {
    step = Math.min(Math.max(to, 0), last());
    at("step").value = step;
    at("step").setAttribute("aria-valuetext", `step ${step} of ${last()}`);
    at("where").textContent = `${step} of ${last()}`;
    line.mark(step);
    showItems();
    showHidden();
    showTold();
    if (step === last()) play(false);
  };

  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(() => go(step + 1), PACE) : null;
    at("play").textContent = on ? "Pause" : "Play";
    at("play").setAttribute("aria-pressed", String(on));
    at("shown").setAttribute("aria-live", on ? "off" : "polite");
    if (on && step === last()) go(0);
  };

  const table = () => {
    const heads = ["Step", "Shown", "Category", "Reward", "Fatigue", ...data.hidden];
    const head = element("tr", ...heads.map((name) => Object.assign(element("th", name), { scope: "col" })));
    const rows = session().moments.map((moment, n) => {
      const shown = moment.shown.map((index) => data.items[index][0]).join(" · ");
      const groups = [...new Set(moment.shown.map((index) => data.groups[data.items[index][1]]))].join(", ");
      const cells = [element("bdi", shown), groups, figure(moment.reward), figure(moment.fatigue), ...moment.hidden.map(figure)];
      const first = Object.assign(element("th", String(n + 1)), { scope: "row" });
      return element("tr", first, ...cells.map((cell) => element("td", cell)));
    });
    const caption = element("caption", `Session ${session().episode}, ${end(session())}`);
    at("table").querySelector("div").replaceChildren(
      element("table", caption, element("thead", head), element("tbody", ...rows)),
    );
  };

  const open = (to) => {
    number = (to + data.sessions.length) % data.sessions.length;
    play(false);
    at("session").value = String(number);
    at("step").max = last();
    line.draw(session());
    table();
    go(0);
    history.replaceState(null, "", `#${number + 1}`); // so that another agent goes on with this user
  };

  const line = new lifeline(at("lifeline"), data, go);
  data.sessions.forEach((life, n) => {
    const option = element("option", `${n + 1}: ${life.moments.length} steps, ${end(life)}`);
    option.value = String(n);
    at("session").append(option);
  });
  const legend = [...line.colours].map(([group, colour]) => [colour, data.groups[group]]);
  if (data.items.some(([, group]) => !line.colours.has(group))) legend.push(["", "others"]);
  at("groups").replaceChildren(...legend.map(([colour, name]) => {
    const key = element("span");
    key.className = `key ${colour}`;
    return element("li", key, name);
  }));
  if (data.lessons.length) {
    at("lessons").hidden = false;
    at("lessons").querySelector("div").append(told.show(data.lessons));
  }

  const others = players.filter(([id]) => id !== at("player").dataset.entry);
  at("agent").append(...others.map(([id, label]) => Object.assign(element("option", label), { value: id })));
  at("agent").addEventListener("change", () => {
    location.href = `${encodeURIComponent(at("agent").value)}.html${location.hash}`;
  });
  at("session").addEventListener("change", () => open(Number(at("session").value)));
  at("earlier").addEventListener("click", () => open(number - 1));
  at("later").addEventListener("click", () => open(number + 1));
  at("step").addEventListener("input", () => go(Number(at("step").value)));
  at("play").addEventListener("click", () => play(!timer));
  const keys = {
    ArrowRight: () => go(step + 1), ArrowLeft: () => go(step - 1), Home: () => go(0), End: () => go(last()),
    PageDown: () => open(number + 1), PageUp: () => open(number - 1), " ": () => play(!timer),
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    if (event.target.closest("select, [tabindex]")) return; // they have uses of their own for these keys,
    if (event.key === " " && event.target.closest("a, button, summary")) return; // and these for that one
    event.preventDefault();
    keys[event.key]();
  });
  at("player").hidden = false;
  open((Number(location.hash.slice(1)) || 1) - 1);
})();
