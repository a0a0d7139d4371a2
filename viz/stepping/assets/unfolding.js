// A graph of any size: stages, search, and what keys and buttons do.
const TRAINED = [...recordOf.keys()];
const STAGES = [...LAYERS.map(g => ({ p: 0, g })), ...[...LAYERS].reverse().map(g => ({ p: 1, g })), ...(TRAINED.length ? [{ p: 2, g: null }] : [])];
let zoom = 1;
function stagesOf() {
  const n = LAYERS.length, at = new Int32Array(GROUPS.length);
  const visit = (g, k) => { at[g.k] = k; g.inside.forEach(x => visit(x, k)); };
  LAYERS.forEach((g, k) => visit(g, k + 1));
  for (let i = 0; i < COUNT; i++) {
    const k = home[i] < 0 || home[i] === GIVEN.k ? 0 : at[home[i]];
    forwardAt[i] = isLeaf(i) ? 0 : k;
    backwardAt[i] = k ? 2 * n + 1 - k : 2 * n;
  }
}
function draw() {
  $("graph").replaceChildren(columns(TOP, null));
  const stage = now ? STAGES[now - 1] : null;
  $("graph").querySelectorAll(".card").forEach(e => e.classList.toggle("now", Boolean(stage && stage.g && Number(e.dataset.g) === stage.g.k)));
  mark();
  wire();
}
function show(n, scroll = true) {
  now = Math.max(0, Math.min(STAGES.length, n));
  const stage = now ? STAGES[now - 1] : null;
  at(stage && stage.g ? stage.g.title : W.phases[2]);
  $("phase").textContent = stage ? W.phases[stage.p] : W.start;
  $("phase").className = "phase p" + (stage ? stage.p : "");
  $("title").textContent = stage ? (stage.g ? stage.g.title : W.phases[2]) : DATA.caption;
  $("equations").replaceChildren(...(stage ? told(stage) : [make("p", W.hint, { class: "note" })]));
  draw();
  if (scroll && stage && stage.g) bring(stage.g.box);
}
// What a stage says: an equation of the layer's first result, with names and with numbers.
function told({ p, g }) {
  if (p === 2) {
    const rows = equationsOf(TRAINED[0]);
    return [make("p", fill(W.updated, { n: TRAINED.length.toLocaleString("en") }), { class: "note" }), ...rows.map(([lhs, , e, q]) => equationLine([lhs, e, q]))];
  }
  const many = g.results.length === 1 ? "" : "; " + fill(W.results, { n: g.results.length.toLocaleString("en") });
  const note = make("p", counts(g.size) + many, { class: "note" });
  if (!g.results.length) return [note];
  const i = g.results[0];
  if (p === 0) return [equationLine(["", lineAt(i).formula, valueAt(i)]), note];
  if (i === ROOT) return [equationLine(["", null, gradientAt(i)]), note];
  const uses = [];
  for (let k = i + 1; k < COUNT; k++) if (!isLeaf(k) && TAPE[k][1].includes(i)) uses.push(k);
  if (uses.length > 4) return [equationLine(["", null, gradientAt(i)]), make("p", fill(W.sum, { n: uses.length }), { class: "note" }), note];
  const sum = uses.map(k => [MUL, { q: gradientAt(k) }, { q: slopeAt(k, i) }]).reduce((a, b) => [ADD, a, b]);
  return [equationLine(["", sum, gradientAt(i)]), note];
}
function bring(element) {
  const view = $("view"), a = element.getBoundingClientRect(), b = view.getBoundingClientRect();
  const free = (outer, inner) => Math.max(8, (outer - inner) / 2);
  view.scrollTo({ left: view.scrollLeft + a.left - b.left - free(b.width, a.width), top: view.scrollTop + a.top - b.top - free(b.height, a.height),
    behavior: still.matches ? "auto" : "smooth" });
}
function fit() {
  $("graph").style.zoom = 1;
  scale(Math.max(innerWidth > 600 ? 0.6 : 0.9, Math.min(1, ($("view").clientWidth - 4) / $("graph").scrollWidth)));
}
function scale(to) {
  zoom = Math.min(3, Math.max(0.3, to));
  $("graph").style.zoom = zoom;
  wire();
}

// ---- search, and the numbers that can be changed ---------------------------------------------------

const spoken = i => nameAt(i)[0];
function find(wanted) {
  const found = [];
  for (const g of GROUPS) if (g.title.toLowerCase().includes(wanted)) found.push([g.title, g, null]);
  for (const i in DATA.names) if (home[i] >= 0 && DATA.names[i][0].toLowerCase().includes(wanted)) found.push([DATA.names[i][0], GROUPS[home[i]], Number(i)]);
  const own = /^n(\d+)$/.exec(wanted);
  if (own && home[own[1]] >= 0 && !DATA.names[own[1]]) found.push([wanted, GROUPS[home[own[1]]], Number(own[1])]);
  return found.sort((a, b) => a[0].length - b[0].length);
}
function reveal(g, i) {
  for (let up = i === null ? g.above : g.k; up >= 0; up = GROUPS[up].above) GROUPS[up].open = true;
  for (let x = g; x.above >= 0; x = GROUPS[x.above]) {
    const around = GROUPS[x.above], column = (around.columns ??= columnsOf(around.inside)).find(c => c.includes(x));
    around.shown = Math.max(around.shown, column.indexOf(x) + 1);
  }
  if (i !== null) g.rows = Math.max(g.rows, [...g.leaves, ...g.ops].indexOf(i) + 1);
  draw();
  const line = i === null ? null : g.box.querySelector(`tr[data-i="${i}"]`);
  if (i !== null) choose(valueAt(i));
  if (line) line.scrollIntoView({ block: "nearest", inline: "nearest" });
  bring(line || g.box);
}
function search() {
  const wanted = $("search").value.trim().toLowerCase(), hits = wanted ? find(wanted) : [], shown = hits.slice(0, 40);
  $("hits").replaceChildren(...shown.map(([title, g, i]) => {
    const button = make("button", title, { type: "button" });
    button.onclick = () => reveal(g, i);
    return button;
  }));
  $("found").textContent = wanted ? fill(W.found, { n: hits.length, m: shown.length }) : "";
}
// The number that is being read, to be changed there, if it is a leaf.
function own(q) {
  $("own")?.remove();
  const [kind, i] = q === null ? [] : entry(q)[3];
  if (kind !== "v" || !isLeaf(i)) return;
  const { box } = field(`${W.its} ${spoken(i)}`, () => leafValues[i], x => { leafValues[i] = x; });
  box.id = "ui-own";
  $("steps").after(box);
}
const rewrite = () => {};  // all of it is drawn when it is shown
function begin() {
  const start = [...leafValues];
  run();
  recorded = decisions();
  stagesOf();
  player();
  pan($("view"), by => scale(zoom * by));
  $("blank").onchange = () => show(now, false);
  $("out").onclick = () => scale(zoom / 1.25);
  $("in").onclick = () => scale(zoom * 1.25);
  $("fit").onclick = fit;
  rates.forEach((_, k) => {
    const made = field(W.rate + (rates.length > 1 ? " " + (k + 1) : ""), () => rates[k], x => { rates[k] = x; });
    fields.push(made);
    $("fields").append(made.box);
  });
  $("search").oninput = search;
  $("search").onkeydown = e => { const hit = e.key === "Enter" && find($("search").value.trim().toLowerCase())[0]; if (hit) reveal(hit[1], hit[2]); };
  $("reset").onclick = () => {
    start.forEach((x, i) => { leafValues[i] = x; });
    fields.forEach(f => f.reset());
    recompute();
  };
  readable();
  addEventListener("resize", wire);
  document.body.classList.add("ready");
  show(addressed() ?? STAGES.length, addressed() !== null);
  fit();
}
begin();
