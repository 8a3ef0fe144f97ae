"use strict";
/* Two agents of one section. What they have in common comes as one data file a section, the rest as one an agent; both
   are read when they are chosen. */
const compare = (() => {
  const RETURN = "R_traj";
  const at = (id) => document.getElementById(id);
  const sections = new Map();
  const section = (id, data) => sections.set(id, data);
  const agents = new Map();
  const agent = (id, data) => agents.set(id, data);
  if (!at("choose")) return { agent, section };

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

  /* The first agent less the second: value, low and high. Of other metrics than returns the file holds each pair once. */
  const pair = (data, metric, [i, j], [one, two]) => {
    if (metric.name === data.lead || metric.name === RETURN) {
      if (!one.sums || !two.sums || i === j) return null;
      const { value, low, high } = paired.difference(one, two, metric.name === data.lead ? data.scale : 1);
      return [value, low, high];
    }
    if (!metric.pairs || i === j) return null;
    if (i > j) return metric.pairs[i][j];
    const [value, low, high] = metric.pairs[j][i].map((x) => (x === null ? null : -x));
    return [value, high, low];
  };

  /* Whether all comparisons together tell two apart; null where that was not asked. */
  const told = (data, i, j) => {
    const [low, high] = [Math.min(i, j), Math.max(i, j)];
    if (!data.separate || [i, j].some((n) => data.agents[n].tier === null)) return null;
    const bit = (high * (high - 1)) / 2 + low;
    return ((atob(data.separate).charCodeAt(bit >> 3) >> (bit & 7)) & 1) === 1;
  };

  const row = (metric, n, one, two, found) => {
    const figures = [one, two].map(({ figures }) => cell("td", "num", figures[n][0], element("small", figures[n][1])));
    const known = found && found[0] !== null;
    const ends = known && found[1] !== null ? found.slice(1, 3).map((end) => signed(end, metric.percent)) : [];
    const difference = known ? [signed(found[0], metric.percent), element("small", ends.join(" to "))] : ["—"];
    const name = element("a", metric.name.replaceAll("_", " "));
    name.href = `metrics.html#${encodeURIComponent(metric.name)}`;
    return element("tr", heading("row", name, element("small", metric.title)), ...figures,
      cell("td", "num", ...difference), cell("td", "bar", ...(known ? [forest.difference(found)] : [])));
  };

  const verdict = (data, [i, j], found) => {
    const [one, two] = [data.agents[i].label, data.agents[j].label];
    const names = `${one} and ${two}`;
    if (i === j) return [`${one}, twice`, "Choose two different agents."];
    if (!found) return [names, "There is no paired difference of these two."];
    const { value, low, high, smallest, more } = found;
    const parts = [`${data.lead}: ${signed(value)}${low === null ? "" : `, 95 % interval ${signed(low)} to ${signed(high)}`}.`];
    if (more !== null) parts.push(`The probability that ${one} gives a user more than ${two} is ${Number(more.toPrecision(2))}.`);
    if (smallest !== null) {
      parts.push(`With 80 % probability, such a comparison finds differences of ${Number(smallest.toPrecision(2))} and more.`);
    }
    const separate = told(data, i, j);
    if (separate === null) return [names, [...parts, "Agents that read hidden state are in no tier."].join(" ")];
    const [ahead, behind] = value > 0 ? [one, two] : [two, one];
    return [separate ? `${ahead} is ahead of ${behind}` : `${names} are not told apart`, parts.join(" ")];
  };

  const show = async (data) => {
    const places = [at("first").selectedIndex, at("second").selectedIndex];
    const named = places.map((n) => data.agents[n]);
    await Promise.all(named.map(({ id }) => longrec.load(`data/agent-${id}.js`)));
    const chosen = [at("first"), at("second")].map(({ value }) => value);
    if (data !== sections.get(at("section").value) || named.some(({ id }, n) => id !== chosen[n])) return; // others since
    const [one, two] = named.map(({ id }) => agents.get(id));
    const found = one.sums && two.sums ? paired.difference(one, two, data.scale) : null;
    const [head, text] = verdict(data, places, found);
    at("verdict").replaceChildren(element("bdi", head));
    at("explained").replaceChildren(element("bdi", text));
    const link = ({ page, label }) => Object.assign(element("a", element("bdi", label)), { href: page });
    at("one").replaceChildren(link(named[0]));
    at("two").replaceChildren(link(named[1]));
    at("result").querySelector("tbody").replaceChildren(
      ...data.metrics.map((metric, n) => row(metric, n, one, two, pair(data, metric, places, [one, two]))),
    );
    forest.curves(at("curves"), data.horizon, [one.curve, two.curve]);
    at("keys").replaceChildren(...named.map((agent, n) => element("li", cell("span", "swatch", forest.key(n)), link(agent))));
    const percent = (share) => `${Number((100 * share).toPrecision(3))} %`;
    at("ends").tHead.rows[0].replaceChildren(...["Cause", ...named.map(({ label }) => label)].map((name, n) =>
      Object.assign(heading("col", element("bdi", name)), { className: n ? "num" : "" })));
    at("ends").tBodies[0].replaceChildren(...data.causes.map((cause, n) =>
      element("tr", heading("row", cause), ...[one, two].map(({ ends }) => cell("td", "num", percent(ends[n]))))));
    at("result").hidden = false;
    history.replaceState(null, "", `#${[at("section").value, ...chosen].map(encodeURIComponent).join("/")}`);
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
    fill(sections.get(id), wanted);
    await show(sections.get(id));
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
  return { agent, section };
})();
