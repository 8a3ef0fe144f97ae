"use strict";
/* Two agents on the same users, from what each earned with every user under every training seed. The statistics are
   those of leaderboard.stats: `influence`, `pairs`, `improvement`, `power`, each with its source there. */
const paired = (() => {
  const LEVEL = 0.95;
  const POWER = 0.8;
  const TYPES = { u1: Uint8Array, u2: Uint16Array, f4: Float32Array };

  /* Numbers as `compare.py` packs them; a single one stands for all. */
  const unpack = ([kind, text], count) => {
    const found = new TYPES[kind](Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    return found.length === 1 ? new Float64Array(count).fill(found[0]) : Float64Array.from(found);
  };

  const total = (values) => values.reduce((a, b) => a + b, 0);
  const plus = (rows) => rows[0].map((_, u) => total(rows.map((row) => row[u])));
  const minus = (row, other) => row.map((x, u) => x - other[u]);

  /* What `agent` has of its users: a row of sums of returns, and of numbers of sessions, for each training seed. */
  const read = (agent) => {
    const [seeds, users] = agent.shape;
    const rows = (part) => {
      const all = unpack(part, seeds * users);
      return Array.from({ length: seeds }, (_, s) => all.slice(s * users, (s + 1) * users));
    };
    return { sums: rows(agent.sums), counts: rows(agent.counts) };
  };

  const influences = (sums, counts) => {
    const all = total(counts);
    const value = total(sums) / all;
    const unbiased = Math.sqrt(sums.length / Math.max(1, sums.length - 1));
    return { value, users: sums.map((n, u) => (unbiased * (n - value * counts[u])) / all) };
  };

  /* What training seeds add to the variance of an agent's figure, by the jackknife; null where they add nothing. */
  const seedLevel = ({ sums, counts }) => {
    if (sums.length < 2) return null;
    const [n, d] = [plus(sums), plus(counts)];
    const without = sums.map((row, s) => influences(minus(n, row), minus(d, counts[s])));
    const values = without.map(({ value }) => value);
    const largest = Math.max(1, ...values.map(Math.abs));
    if (!(Math.max(...values) - Math.min(...values) > 1e-12 * largest)) return null;
    const mean = total(values) / sums.length;
    const factor = (sums.length - 1) / sums.length;
    const raw = factor * total(values.map((value) => (value - mean) ** 2));
    const middle = plus(without.map(({ users }) => users)).map((x) => x / sums.length);
    const noise = factor * total(without.map(({ users }) => total(minus(users, middle).map((x) => x * x))));
    return raw > noise ? { raw, net: raw - noise, freedom: sums.length - 1 } : null;
  };

  /* The q with P(|T| <= q) = level for Student's t, by quadrature in the angle whose tangent T follows. */
  const tQuantile = (freedom, level) => {
    const [steps, most] = [8192, Math.min(Math.PI / 2, 12 / Math.sqrt(freedom))];
    const mass = new Float64Array(steps + 1);
    const density = (n) => Math.cos((most * n) / steps) ** (freedom - 1);
    for (let n = 1; n <= steps; n += 1) mass[n] = mass[n - 1] + density(n) + density(n - 1);
    const wanted = level * mass[steps];
    const n = mass.findIndex((reached) => reached >= wanted);
    return Math.sqrt(freedom) * Math.tan((most * (n - 1 + (wanted - mass[n - 1]) / (mass[n] - mass[n - 1]))) / steps);
  };

  /* The probability that the first gives a user more, ties counting half; null where a user was not met by both. */
  const improvement = (one, two) => {
    const means = ({ sums, counts }) => sums.map((row, s) => row.map((n, u) => n / counts[s][u]));
    const differences = means(one).flatMap((a) => means(two).flatMap((b) => Array.from(minus(a, b))));
    if (differences.some(Number.isNaN)) return null;
    return total(differences.map((x) => (x > 0 ? 1 : x < 0 ? 0 : 0.5))) / differences.length;
  };

  /* The first less the second, times `scale`: its value, 95 % interval, and the smallest difference that such a
     comparison finds with a probability of 80 %; null where there is none. */
  const difference = (first, second, scale) => {
    const agents = [first, second].map(read);
    const [one, two] = agents.map(({ sums, counts }) => influences(plus(sums), plus(counts)));
    const value = scale * (one.value - two.value);
    const found = { value, low: null, high: null, smallest: null, more: improvement(...agents) };
    const seeds = agents.map(seedLevel).filter((seed) => seed !== null);
    const squares = (values) => total(values.map((x) => x * x));
    const apart = squares(minus(one.users, two.users));
    const ofUsers = apart > 1e-12 * (squares(one.users) + squares(two.users)) ? apart : 0; // less is rounding
    const variance = ofUsers + total(seeds.map(({ net }) => net));
    if (one.users.length < 2 || !(variance > 0)) return found;
    const most = one.users.length - 1;
    const fewest = Math.min(most, ...seeds.map(({ freedom }) => freedom));
    const uncertain = ofUsers ** 2 / most + total(seeds.map(({ raw, freedom }) => raw ** 2 / freedom));
    const freedom = Math.max(fewest, variance ** 2 / uncertain);
    const error = scale * Math.sqrt(variance);
    const half = tQuantile(freedom, LEVEL) * error;
    return { ...found, low: value - half, high: value + half, smallest: half + tQuantile(freedom, 2 * POWER - 1) * error };
  };
  return { difference };
})();
