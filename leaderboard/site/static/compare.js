"use strict";
/* Two agents of one section. What can be compared comes as one data file a section, read when it is chosen. */
const compare = (() => {
  const at = (id) => document.getElementById(id);
  const sections = new Map();
  const section = (id, data) => sections.set(id, data);
  if (!at("choose")) return { section };

  const element = (name, ...children) => {
    const part = document.createElement(name);
    part.append(...children);
    return part;
  };
  const cell = (name, kind, ...children) => Object.assign(element(name, ...children), { className: kind });
  const heading = (scope, ...children) => Object.assign(element("th", ...children), { scope });
  const signed = (value, percent) => {
    if (value === null) return "—";
    const digits = Number(((percent ? 100 : 1) * value).toPrecision(3));
    return `${digits > 0 ? "+" : digits < 0 ? "−" : ""}${Math.abs(digits)}${percent ? " %" : ""}`;
  };

  /* The first agent less the second; the file holds each pair once. */
  const pair = (metric, i, j) => {
    if (!metric.pairs || i === j) return null;
    if (i > j) return metric.pairs[i][j];
    const [value, low, high, separate] = metric.pairs[j][i];
    const minus = (x) => (x === null ? null : -x);
    return [minus(value), minus(high), minus(low), separate];
  };

  const row = (metric, n, one, two, found) => {
    const figures = [one, two].map(({ figures }) => cell("td", "num", figures[n][0], element("small", figures[n][1])));
    const known = found && found[0] !== null;
    const ends = known && found[1] !== null ? found.slice(1, 3).map((end) => signed(end, metric.percent)) : [];
    const told = known ? [signed(found[0], metric.percent), element("small", ends.join(" to "))] : ["—"];
    const name = element("a", metric.name.replaceAll("_", " "));
    name.href = `metrics.html#${encodeURIComponent(metric.name)}`;
    return element("tr", heading("row", name, element("small", metric.title)), ...figures, cell("td", "num", ...told),
      cell("td", "bar", ...(known ? [forest.difference(found)] : [])));
  };

  const verdict = (data, i, j) => {
    const [one, two] = [data.agents[i], data.agents[j]];
    const found = pair(data.metrics.find(({ name }) => name === data.lead), i, j);
    const names = `${one.label} and ${two.label}`;
    if (i === j) return [`${one.label}, twice`, "Choose two different agents."];
    if (!found || found[0] === null) return [names, "There is no paired difference of these two."];
    const [value, low, high, separate] = found;
    const size = `${data.lead}: ${signed(value)}${low === null ? "" : `, 95 % interval ${signed(low)} to ${signed(high)}`}.`;
    if (separate === 1) return [value > 0 ? `${one.label} is ahead of ${two.label}` : `${two.label} is ahead of ${one.label}`, size];
    if (separate === 0) return [`${names} are not told apart`, size];
    return [names, `${size} Agents that read hidden state are in no tier.`];
  };

  const show = (data) => {
    const [i, j] = [at("first").selectedIndex, at("second").selectedIndex];
    const [one, two] = [data.agents[i], data.agents[j]];
    const [head, text] = verdict(data, i, j);
    at("verdict").replaceChildren(element("bdi", head));
    at("explained").textContent = text;
    const link = ({ page, label }) => Object.assign(element("a", element("bdi", label)), { href: page });
    at("one").replaceChildren(link(one));
    at("two").replaceChildren(link(two));
    at("result").querySelector("tbody").replaceChildren(
      ...data.metrics.map((metric, n) => row(metric, n, one, two, pair(metric, i, j))),
    );
    forest.curves(at("curves"), data.horizon, [one.curve, two.curve]);
    at("keys").replaceChildren(...[one, two].map((agent, n) => element("li", cell("span", "swatch", forest.key(n)), link(agent))));
    const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
    at("ends").tHead.rows[0].replaceChildren(...["Cause", one.label, two.label].map((name, n) =>
      Object.assign(heading("col", element("bdi", name)), { className: n ? "num" : "" })));
    at("ends").tBodies[0].replaceChildren(...data.causes.map((cause, n) =>
      element("tr", heading("row", cause), ...[one, two].map(({ ends }) => cell("td", "num", percent(ends[n]))))));
    at("result").hidden = false;
    history.replaceState(null, "", `#${[at("section").value, one.id, two.id].map(encodeURIComponent).join("/")}`);
  };

  const fill = (data, wanted) => {
    [at("first"), at("second")].forEach((select, n) => {
      select.replaceChildren(...data.agents.map(({ id, label, tier }) =>
        Object.assign(element("option", tier ? `${label} (tier ${tier})` : label), { value: id })));
      const found = data.agents.findIndex(({ id }) => id === wanted[n]);
      select.selectedIndex = found < 0 ? Math.min(n, data.agents.length - 1) : found;
    });
  };

  const open = async (wanted = []) => {
    const id = at("section").value;
    await longrec.load(`data/pairs-${id}.js`);
    if (id !== at("section").value) return; // another was chosen while this one came
    at("more").hidden = !at("section").selectedOptions[0].dataset.more;
    fill(sections.get(id), wanted);
    show(sections.get(id));
  };

  const current = () => show(sections.get(at("section").value));
  at("section").addEventListener("change", () => open());
  at("first").addEventListener("change", current);
  at("second").addEventListener("change", current);
  at("swap").addEventListener("click", () => {
    [at("first").selectedIndex, at("second").selectedIndex] = [at("second").selectedIndex, at("first").selectedIndex];
    current();
  });
  at("choose").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("DOMContentLoaded", () => {
    const [id, ...wanted] = location.hash.slice(1).split("/").map(decodeURIComponent);
    if ([...at("section").options].some(({ value }) => value === id)) at("section").value = id;
    open(wanted);
  });
  return { section };
})();
