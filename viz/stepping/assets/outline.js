// An outline of a large graph: what is folded is not laid out.
const $ = id => document.getElementById("ui-" + id);
const W = DATA.words, CHUNK = 200;
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
};
const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, key) => fields[key] ?? "");
const positionsOf = unit => {
  const [, runs] = DATA.units[unit], out = [];
  for (let k = 0; k < runs.length; k += 2) for (let j = 0; j < runs[k + 1]; j++) out.push(runs[k] + j);
  return out;
};
const count = unit => DATA.units[unit][1].reduce((n, x, k) => k % 2 ? n + x : n, 0);
const named = i => DATA.names[i] ?? (Array.isArray(TAPE[i]) ? "n" + i : exact(leafValues[i]));
function formula(i) {
  const [op, inputs, k] = TAPE[i];
  const [a, b, c] = inputs.map(named);
  return fill(DATA.texts[DATA.ops[op]][0], { a, b, c, k });
}
// Stages: layers forward, then backward. What no stage has reached is blank.
const LAYERS = DATA.layers.map(([name, units]) => ({ name: name || W.none, units, size: units.reduce((n, u) => n + count(u), 0) }));
const COUNTS = LAYERS.length * 2;
let now = COUNTS, playing = 0;
const layerOf = new Int32Array(COUNT).fill(-1);
LAYERS.forEach((layer, k) => layer.units.forEach(u => positionsOf(u).forEach(i => { layerOf[i] = k; })));
const forwardShown = i => !$("blank").checked || layerOf[i] < 0 || layerOf[i] < now;
const backwardShown = i => !$("blank").checked || COUNTS - 1 - (layerOf[i] < 0 ? 0 : layerOf[i]) < now;

function line(i) {
  const row = make("tr", "", { "data-i": i });
  const isLeaf = !Array.isArray(TAPE[i]);
  row.append(make("th", named(i), { scope: "row" }), make("td", isLeaf ? "" : formula(i)));
  const cell = make("td", forwardShown(i) ? number(V[i]) : "");
  row.append(cell);
  if (isLeaf) row.append(make("td"));
  else {
    const [op, inputs, k] = TAPE[i];
    const local = D[DATA.ops[op]](1, V[i], ...inputs.map(j => V[j]), k);
    row.append(make("td", backwardShown(i) ? inputs.map((j, n) => `∂/∂${named(j)} = ${number(local[n])}`).join(", ") : ""));
  }
  row.append(make("td", backwardShown(i) ? number(G[i]) : ""));
  return row;
}
function table(positions) {
  const whole = make("table"), body = make("tbody");
  const head = make("tr");
  W.columns.forEach(title => head.append(make("th", title, { scope: "col" })));
  const top = make("thead");
  top.append(head);
  whole.append(top, body);
  let done = 0;
  const more = make("button", "", { type: "button" });
  const add = () => {
    positions.slice(done, done + CHUNK).forEach(i => body.append(line(i)));
    done = Math.min(positions.length, done + CHUNK);
    more.hidden = done >= positions.length;
    more.textContent = fill(W.more, { n: positions.length - done });
  };
  more.onclick = add;
  add();
  const box = make("div", "", { class: "table", tabindex: "0", role: "region", "aria-label": W.operations });
  box.append(whole, more);
  return box;
}
function folded(title, content) {
  const box = make("details"), head = make("summary", title);
  box.append(head);
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) content().forEach(e => box.append(e));
  });
  return box;
}
// The leaves that the operations of a unit are the first to read.
const owner = new Int32Array(COUNT).fill(-1);
TAPE.forEach((node, i) => { if (Array.isArray(node)) node[1].forEach(j => { if (!Array.isArray(TAPE[j]) && owner[j] < 0) owner[j] = i; }); });
const withLeaves = positions => positions.flatMap(i => [...TAPE[i][1].filter((j, k) => owner[j] === i && TAPE[i][1].indexOf(j) === k && j in DATA.names), i]);
const unitBox = u => folded(`${DATA.units[u][0] === "" ? W.operations : `[${DATA.units[u][0]}]`}: ${fill(W.count, { n: count(u) })}`,
  () => [table(withLeaves(positionsOf(u)))]);
const boxes = [];
function draw() {
  const open = boxes.map(box => box.open);
  boxes.length = 0;
  LAYERS.forEach((layer, k) => {
    const box = folded(`${layer.name}: ${fill(W.count, { n: layer.size })}`, () => layer.units.length === 1
      ? [table(withLeaves(positionsOf(layer.units[0])))] : layer.units.map(unitBox));
    if (open[k]) box.open = true;
    const current = now && (k === now - 1 || k === COUNTS - now);
    box.classList.toggle("current", Boolean(current));
    boxes.push(box);
  });
  $("tree").replaceChildren(...boxes);
}
function show(n) {
  now = Math.max(0, Math.min(COUNTS, n));
  $("slider").value = now;
  $("count").textContent = `${now} / ${COUNTS}`;
  const forward = now <= LAYERS.length, k = forward ? now - 1 : COUNTS - now;
  $("phase").textContent = now ? W.phases[forward ? 0 : 1] : W.start;
  $("phase").className = "phase p" + (now ? Number(!forward) : "");
  $("title").textContent = now ? LAYERS[k].name : DATA.caption;
  $("equations").replaceChildren(make("p", now === COUNTS || !forward ? `${W.result} = ${number(V[ROOT])}` : W.hint, { class: "note" }));
  draw();
  try { history.replaceState(null, "", "#" + now); } catch { /* a frame without an address */ }
}
function search() {
  const wanted = $("search").value.trim().toLowerCase();
  const hits = wanted ? Object.entries(DATA.names).filter(([, name]) => name.toLowerCase().includes(wanted)) : [];
  const shown = hits.slice(0, 50);
  $("hits").replaceChildren(...(shown.length ? [table(shown.map(([i]) => Number(i)))] : []));
  $("found").textContent = wanted ? fill(W.found, { n: hits.length, m: shown.length }) : "";
  $("edit").hidden = shown.length !== 1 || Array.isArray(TAPE[shown[0][0]]);
  if (!$("edit").hidden) { $("edited").value = exact(leafValues[shown[0][0]]); $("edited").dataset.i = shown[0][0]; }
}
function begin() {
  const start = [...leafValues];
  run();
  $("slider").max = COUNTS;
  $("slider").oninput = () => show(Number($("slider").value));
  $("back").onclick = () => show(now - 1);
  $("next").onclick = () => show(now + 1);
  $("blank").onchange = () => show(now);
  $("search").oninput = search;
  $("edited").onchange = () => {
    const x = Number($("edited").value);
    if ($("edited").value.trim() === "") return;
    leafValues[$("edited").dataset.i] = read($("edited").value.trim()) ?? x;
    run(); search(); show(now);
  };
  $("reset").onclick = () => { start.forEach((x, i) => { leafValues[i] = x; }); run(); search(); show(now); };
  addEventListener("keydown", e => {
    if (e.target.closest("input, textarea") && e.target !== $("slider")) return;
    const moves = { ArrowRight: 1, ArrowLeft: -1 };
    if (e.key in moves) { e.preventDefault(); show(now + moves[e.key]); }
  });
  const hash = location.hash.slice(1).replace("step=", "");
  show(hash === "" || isNaN(hash) ? COUNTS : Number(hash));
}
begin();
