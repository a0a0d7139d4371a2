// Wires between the cards that are shown, and the chain of a number that was clicked.
let lit = null, chainBack = false;
const svgPart = (tag, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
};
// The card that stands for each group: itself, or the folded one around it.
function standing() {
  const found = new Int32Array(GROUPS.length).fill(-1);
  const visit = (g, card) => {
    const own = card < 0 || (GROUPS[card].open && g.box && g.box.isConnected) ? g.k : card;
    found[g.k] = own;
    g.inside.forEach(x => visit(x, own));
  };
  TOP.forEach(g => visit(g, -1));
  return found;
}
function wire() {
  const graph = $("graph"), card = standing(), pairs = new Map(), n = GROUPS.length;
  for (let i = 0; i < COUNT; i++) if (!isLeaf(i)) for (const j of TAPE[i][1]) {
    if (home[j] < 0) continue;
    const a = card[home[j]], b = card[home[i]];
    if (a === b) continue;
    const key = a * n + b, known = pairs.get(key);
    if (known === null) continue;
    if (known === undefined && (within(a, b) || within(b, a))) { pairs.set(key, null); continue; }
    const on = lit !== null && lit[i] && lit[j];
    if (!known) pairs.set(key, { a, b, on, back: G[j] !== null && !(isLeaf(j) && home[j] === GIVEN.k), forward: forwardAt[i], backward: backwardAt[j] });
    else { known.on ||= on; known.forward = Math.min(known.forward, forwardAt[i]); known.backward = Math.min(known.backward, backwardAt[j]); }
  }
  const outer = graph.getBoundingClientRect(), factor = outer.width / graph.offsetWidth || 1;
  const box = svgPart("svg", { class: "wires", "aria-hidden": "true", width: graph.scrollWidth, height: graph.scrollHeight });
  const edge = g => {
    const b = g.box.getBoundingClientRect(), head = g.box.firstChild.getBoundingClientRect();
    const y = g.open ? head.top + head.height / 2 : b.top + b.height / 2;
    return { left: (b.left - outer.left) / factor, right: (b.right - outer.left) / factor, y: (y - outer.top) / factor };
  };
  const ends = new Map(), end = k => { if (!ends.has(k)) ends.set(k, edge(GROUPS[k])); return ends.get(k); };
  const curve = (x1, y1, x2, y2) => { const d = Math.max(18, Math.abs(x2 - x1) / 2) * (x2 < x1 ? -1 : 1); return `M${x1},${y1}C${x1 + d},${y1} ${x2 - d},${y2} ${x2},${y2}`; };
  const shown = [...pairs.values()].filter(Boolean), thin = shown.length > 60;
  for (const { a, b, on, back, forward, backward } of shown) {
    const from = end(a), to = end(b);
    const draw = (kind, d, at, here) => {
      const classes = ["wire", kind, here ? "lit" : "", blank() && at > now ? "pend" : "", thin ? "thin" : ""].filter(Boolean).join(" ");
      box.append(svgPart("path", { class: classes, d, "data-from": a, "data-to": b }));
    };
    draw("fwd", curve(from.right, from.y - 4, to.left, to.y - 4), forward, on && !chainBack);
    if (back) draw("bwd", curve(to.left, to.y + 5, from.right, from.y + 5), backward, on && chainBack);
  }
  graph.querySelector(".wires")?.remove();
  graph.classList.toggle("chain", lit !== null);
  graph.append(box);
}
function light(d, q) {
  chainBack = d !== null && d.back;
  lit = d === null ? null : d.lit.flags || Uint8Array.from({ length: COUNT }, (_, i) => Number(d.lit.has(i)));
  mark();
  wire();
  own(q);
}
// What is lit in the cards that are shown: numbers of the chain, and the cards that hold them.
function mark() {
  const graph = $("graph");
  graph.querySelectorAll(".lit").forEach(e => e.classList.remove("lit"));
  if (lit === null) return;
  const holds = new Uint8Array(GROUPS.length);
  for (let i = 0; i < COUNT; i++) if (lit[i]) for (let g = home[i]; g >= 0 && !holds[g]; g = GROUPS[g].above) holds[g] = 1;
  graph.querySelectorAll(".card").forEach(e => e.classList.toggle("lit", Boolean(holds[e.dataset.g])));
  graph.querySelectorAll("button.number").forEach(e => {
    const [kind, i, by] = entry(Number(e.dataset.q))[3];
    const on = Number(e.dataset.q) === chosen || kind === "g" && chainBack && lit[i] || kind === "v" && !chainBack && lit[i]
      || kind === "d" && chainBack && lit[i] && lit[by];
    e.classList.toggle("lit", Boolean(on));
  });
}
