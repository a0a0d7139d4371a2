// Groups of a large graph as cards: what is folded is not laid out.
const FEW = 12, MOST_COLUMNS = 12;
const inRuns = runs => {
  const out = [];
  for (let k = 0; k < runs.length; k += 2) for (let j = 0; j < runs[k + 1]; j++) out.push(runs[k] + j);
  return out;
};
const GROUPS = DATA.groups.map(([title, above, runs], k) => ({ k, title, above, ops: inRuns(runs), leaves: [], inside: [], size: 0, open: false, shown: FEW, rows: ROWS }));
const GIVEN = { k: GROUPS.length, title: W.given, above: -1, ops: [], leaves: inRuns(DATA.given), inside: [], size: 0, open: false, shown: FEW, rows: ROWS };
if (GIVEN.leaves.length) GROUPS.push(GIVEN);
const TOP = [];
for (const g of GROUPS) (g.above < 0 ? TOP : GROUPS[g.above].inside).push(g);
const home = new Int32Array(COUNT).fill(-1), depth = GROUPS.map(() => 0);
for (const g of GROUPS) { depth[g.k] = g.above < 0 ? 0 : depth[g.above] + 1; g.ops.forEach(i => { home[i] = g.k; }); }
const within = (a, b) => { while (depth[a] > depth[b]) a = GROUPS[a].above; return a === b; };
function together(a, b) {
  while (a >= 0 && b >= 0 && a !== b) if (depth[a] >= depth[b]) a = GROUPS[a].above; else b = GROUPS[b].above;
  return a >= 0 && b >= 0 ? a : -1;
}
// A leaf is where all that read it are; one that several layers read is with the first.
const reader = new Int32Array(COUNT).fill(-1);
GIVEN.leaves.forEach(i => { home[i] = GIVEN.k; });
for (let i = 0; i < COUNT; i++) if (!isLeaf(i)) for (const j of TAPE[i][1]) if (isLeaf(j) && DATA.names[j] && !(GIVEN.leaves.length && home[j] === GIVEN.k)) {
  if (reader[j] < 0) { reader[j] = i; home[j] = home[i]; } else {
    const both = together(home[j], home[i]);
    if (both >= 0) home[j] = both;
  }
}
for (let i = 0; i < COUNT; i++) if (isLeaf(i) && home[i] >= 0 && home[i] !== GIVEN.k) GROUPS[home[i]].leaves.push(i);
// What is handed on to other groups: the results of a group, and of those around it.
GROUPS.forEach(g => { g.results = []; });
const users = new Int32Array(COUNT);
for (let i = 0; i < COUNT; i++) if (!isLeaf(i)) for (const j of TAPE[i][1]) {
  users[j]++;
  if (!isLeaf(j) && home[i] !== home[j]) for (let g = home[j]; g >= 0 && !within(home[i], g); g = GROUPS[g].above) {
    const { results } = GROUPS[g];
    if (results[results.length - 1] !== j) results.push(j);
  }
}
for (let g = home[ROOT]; g >= 0; g = GROUPS[g].above) GROUPS[g].results.push(ROOT);
for (const g of GROUPS) g.results = [...new Set(g.results)].sort((a, b) => a - b);
for (const g of [...GROUPS].reverse()) {
  g.size += g.ops.length;
  g.first = Math.min(...g.ops.slice(0, 1), ...g.inside.map(x => x.first));
  if (g.above >= 0) GROUPS[g.above].size += g.size;
}
GIVEN.first = -1;
const inOrder = (a, b) => a.first - b.first;
TOP.sort(inOrder);
const LAYERS = TOP.filter(g => g !== GIVEN);

// Columns: a group is right of those that it reads from; those that read nothing of each other are below each other.
function columnsOf(inside) {
  const order = [...inside].sort(inOrder), rank = new Map(), part = new Int32Array(GROUPS.length).fill(-1);
  const belongs = (g, k) => { part[g.k] = k; g.inside.forEach(x => belongs(x, k)); };
  order.forEach(g => belongs(g, g.k));
  for (const g of order) {
    let at = g === GIVEN ? 0 : GIVEN.leaves.length && g.above < 0 ? 1 : 0;
    const visit = x => {
      for (const i of x.ops) for (const j of TAPE[i][1]) {
        const from = home[j] < 0 || isLeaf(j) ? -1 : part[home[j]];
        if (from >= 0 && from !== g.k && rank.has(from)) at = Math.max(at, rank.get(from) + 1);
      }
      x.inside.forEach(visit);
    };
    visit(g);
    rank.set(g.k, at);
  }
  const columns = [];
  for (const g of order) (columns[rank.get(g.k)] ??= []).push(g);
  const found = columns.filter(Boolean);
  return found.length > MOST_COLUMNS && inside[0].above >= 0 ? [order] : found;
}

const lines = new Map();
function lineAt(i) {
  if (isLeaf(i)) return undefined;
  if (!lines.has(i)) {
    lines.set(i, { position: i, q: valueAt(i), formula: symbolsOf(i) });
  }
  return lines.get(i);
}
// As for a diagram, but on flat arrays: lines are made of those operations only that are written out.
function edgesTo(target) {
  const count = new Float64Array(COUNT), longest = new Int32Array(COUNT), flags = new Uint8Array(COUNT);
  let size = 0;
  count[target] = flags[target] = 1;
  const leading = i => isLeaf(i) ? [] : [...new Set(TAPE[i][1])].filter(j => flags[j]);
  for (let i = target + 1; i < COUNT; i++) if (!isLeaf(i)) {
    const inputs = TAPE[i][1];
    for (let k = 0; k < inputs.length; k++) {
      const j = inputs[k];
      if (!flags[j] || k && inputs.indexOf(j) < k) continue;
      size++;
      count[i] += count[j];
      longest[i] = Math.max(longest[i], longest[j] + 1);
      flags[i] = 1;
    }
  }
  const edges = i => { const wanted = leading(i); return below(lineAt(i)).filter(e => wanted.includes(e.to)); };
  const all = () => { const map = new Map(); for (let i = target + 1; i < COUNT; i++) if (flags[i]) map.set(i, edges(i)); return map; };
  const readers = j => { const out = []; for (let i = j + 1; i < COUNT; i++) if (flags[i] && TAPE[i][1].includes(j)) out.push(...edges(i).filter(e => e.to === j)); return out; };
  return { number: count[ROOT], length: longest[ROOT], size, edges: all, readers, read: [], lit: { flags } };
}
function linesBelow(target) {
  const flags = new Uint8Array(COUNT), order = [];
  flags[target] = 1;
  for (let i = target; i >= 0; i--) if (flags[i] && !isLeaf(i)) { order.push(i); for (const j of TAPE[i][1]) flags[j] = 1; }
  return { order: order.reverse(), read: [], lit: { flags } };
}
const upstreamOf = e => e.line.position === ROOT ? null : gradientAt(e.line.position);
// The optimiser's equations of a parameter: those of its array, about this element.
DATA.rules_of = new Proxy({}, { get: (_, p) => equationsOf(Number(p)) });
const recordOf = new Map(DATA.records.flatMap(r => inRuns(r[3]).map(i => [i, r])));
function equationsOf(p) {
  const record = recordOf.get(p);
  if (!record) return null;
  const [first, name, rows] = record, [own, ownTex] = nameAt(p);
  const quantity = q => asked(`r${q},${p}`, () => {
    const [text, tex, all, source] = entry(q);
    const about = source.map((x, k) => k === 1 && x === first && "vgnab".includes(source[0]) ? p : x);
    return text === name ? [own, ownTex, all, about] : [text, tex, all, about];
  });
  const formula = e => isQuantity(e) ? { q: quantity(e.q) } : Array.isArray(e) ? [e[0], ...e.slice(1).map(formula)] : e;
  return rows.map(([said, tex, e, q], k) => k === rows.length - 1
    ? [said.replace(name, own), `${ownTex}^{\\mathrm{new}}`, formula(e), quantity(q)] : [said, tex, formula(e), quantity(q)]);
}
const newAt = p => { const rows = equationsOf(p); return rows ? rows[rows.length - 1][3] : null; };

// ---- cards ---------------------------------------------------------------------------------------

const forwardAt = new Float64Array(COUNT), backwardAt = new Float64Array(COUNT);  // the stage of each number
const reached = stage => stage <= now || !blank();
const shownForward = i => reached(forwardAt[i]), shownBackward = i => reached(backwardAt[i]), shownAfter = () => reached(STAGES.length);
const counts = n => n === 1 ? W.one : fill(W.count, { n: n.toLocaleString("en") });
const extent = (positions, of, write) => {
  let low = Infinity, high = -Infinity;
  for (const i of positions) { const x = of(i); if (x !== x) return "nan"; if (x < low) low = x; if (x > high) high = x; }
  return low === high ? write(low) : fill(W.range, { a: write(low), b: write(high) });
};
function band(kind, parts) {
  const box = make("div", "", { class: "band " + kind });
  box.append(...parts);
  return box;
}
// A result's number, or how far those of several go.
function summary(g) {
  const all = g === GIVEN ? g.leaves : g.results;
  if (!all.length) return [];
  const at = kind => kind === "fwd" ? (g === GIVEN ? 0 : forwardAt[all[0]]) : backwardAt[all[0]];
  const one = (kind, q) => band(kind, [make("span", nameOf(q)), asNumber(q, kind, reached(at(kind)))]);
  if (all.length === 1) return [one("fwd", valueAt(all[0])), ...(G[all[0]] === null ? [] : [one("bwd", gradientAt(all[0]))])];
  const seen = kind => reached(at(kind));
  const values = seen("fwd") ? extent(all, i => V[i], number) : "", up = all.filter(i => G[i] !== null);
  const gradients = seen("bwd") && up.length ? extent(up, i => G[i], number) : "";
  return [band("fwd", [make("span", fill(g === GIVEN ? W.numbers : W.results, { n: all.length.toLocaleString("en") })), make("b", values)]),
    ...(up.length ? [band("bwd", [make("span", partial(nameAt(ROOT)[0], "…")), make("b", gradients)])] : [])];
}
function card(g) {
  const box = make("section", "", { class: "card" + (g.open ? " open" : ""), "data-g": g.k });
  const head = make("button", "", { type: "button", class: "head", "aria-expanded": String(g.open) });
  const size = g === GIVEN ? g.leaves.length.toLocaleString("en") : counts(g.size);
  head.append(make("b", g.title), make("small", size));
  head.onclick = () => { g.open = !g.open; draw(); box.ownerDocument.querySelector(`[data-g="${g.k}"] > .head`).focus({ preventScroll: true }); };
  box.append(head, ...summary(g));
  g.box = box;
  if (g.open) box.append(...opened(g));
  return box;
}
function opened(g) {
  const parts = [], own = [...g.leaves, ...g.ops];
  if (own.length) parts.push(table(own, g));
  if (g.inside.length) parts.push(columns(g.inside, g));
  return parts;
}
function columns(inside, g) {
  const box = make("div", "", { class: "columns" });
  for (const column of (g ? g.columns ??= columnsOf(inside) : outermost ??= columnsOf(TOP))) {
    const stack = make("div", "", { class: "column" }), most = g ? g.shown : Infinity;
    stack.append(...column.slice(0, most).map(card));
    if (column.length > most) stack.append(more(column.length - most, () => { g.shown += 2 * FEW; }));
    box.append(stack);
  }
  return box;
}
let outermost = null;
