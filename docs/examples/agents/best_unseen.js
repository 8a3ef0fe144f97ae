// A recommender in JavaScript: the best-rated items that a user has not been shown yet.
//
//   longrec evaluate "command:node docs/examples/agents/best_unseen.js" --suite smoke-v1
//
// or as a server:  node docs/examples/agents/best_unseen.js 8000
//   longrec evaluate http://127.0.0.1:8000 --suite smoke-v1
//
// One message is a line of JSON, and so is its answer. See docs/protocol.md.
"use strict";

let slateSize = null; // null: one item a step
let best = []; // items, the best-rated first
let shown = []; // of each lane: the items that its session has been shown

function choose(lane, step, forbidden) {
  if (step === 0) shown[lane] = new Set(); // a lane is used by one session after another
  const barred = new Set([...forbidden, ...shown[lane]]);
  const chosen = [];
  for (const item of best) {
    if (chosen.length === (slateSize ?? 1)) break;
    if (!barred.has(item)) chosen.push(item);
  }
  if (chosen.length < (slateSize ?? 1)) return choose(lane, 0, forbidden); // all were shown: begin anew
  chosen.forEach((item) => shown[lane].add(item));
  return slateSize === null ? chosen[0] : chosen;
}

const answers = {
  hello: () => ({ type: "hello", protocol: 1, name: "best-unseen-js", methods: ["reset"] }),

  reset({ task }) {
    slateSize = task.slate_size;
    const ratings = task.catalogue.mean_reward;
    best = ratings.map((_, item) => item).sort((a, b) => ratings[b] - ratings[a] || a - b);
    shown = [];
    return { type: "done" };
  },

  act({ lanes, steps, infos }) {
    const forbidden = infos.forbidden ?? lanes.map(() => []);
    return { type: "actions", actions: lanes.map((lane, row) => choose(lane, steps[row], forbidden[row])) };
  },
};

function answer(line) {
  const message = JSON.parse(line);
  return JSON.stringify(answers[message.type](message)) + "\n";
}

const port = process.argv[2];
if (port === undefined) {
  const lines = require("node:readline").createInterface({ input: process.stdin });
  lines.on("line", (line) => process.stdout.write(answer(line)));
} else {
  const server = require("node:http").createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => response.end(answer(body)));
  });
  server.listen(Number(port), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
}
