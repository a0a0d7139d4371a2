// The page: stages, what is shown when, and what keys and buttons do.
const STAGES = DATA.stages;
const LINES = DATA.lines.map(([position, q, formula, unit]) => ({ position, q, formula, unit }));
const lineOfPosition = new Map(LINES.map(line => [line.position, line]));
const lineAt = position => lineOfPosition.get(position);
// What leads from the result to a number: how many paths, and the edges of all of them.
function edgesTo(target) {
  const count = new Map([[target, 1]]), longest = new Map([[target, 0]]), edges = new Map(), lit = new Set([target]);
  for (const line of LINES) {
    const found = line.position > target ? below(line).filter(e => count.get(e.to)) : [];
    if (!found.length) continue;
    edges.set(line.position, found);
    count.set(line.position, found.reduce((n, e) => n + count.get(e.to), 0));
    longest.set(line.position, 1 + Math.max(...found.map(e => longest.get(e.to))));
    lit.add(line.position);
  }
  const read = [...edges.values()].flat();
  return { number: count.get(ROOT) || 0, length: longest.get(ROOT) || 0, size: read.length, edges: () => edges, lit, read,
    readers: position => read.filter(e => e.to === position) };
}
const newAt = i => { const rows = DATA.rules_of[i]; return rows ? rows[rows.length - 1][3] : null; };
// The operations that a card folds: those of its lines, down to other cards.
function operationsOf(unit) {
  const waiting = LINES.filter(line => line.unit === unit).map(line => line.position), own = new Set(waiting);
  while (waiting.length) for (const j of TAPE[waiting.pop()][1])
    if (!isLeaf(j) && !lineAt(j) && !own.has(j)) { own.add(j); waiting.push(j); }
  const order = [...own].sort((a, b) => a - b);
  const leaves = new Set(order.flatMap(i => TAPE[i][1]).filter(j => isLeaf(j) && DATA.names[j]));
  return [...leaves, ...order];
}
const unfolded = { unit: null, rows: ROWS };
// When the card itself has its numbers of that meaning.
const filledAt = role => Math.max(0, ...bands.flatMap((band, b) => band.card === unfolded.unit && band.role === role
  ? band.lines.map((_, r) => firstStage.get(b + "." + r) || 0) : []));
const shownForward = () => !blank() || now >= filledAt("fwd"), shownBackward = () => !blank() || now >= filledAt("bwd");
const shownAfter = () => !blank() || now >= STAGES.length;
function draw() {
  const { unit } = unfolded;
  $("operations").hidden = unit === null;
  $("unit").value = unit ?? "";
  bands.forEach(band => part(band.card)?.classList.toggle("unfolded", band.card === unit));
  if (unit === null) return;
  $("of").textContent = part(unit).querySelector("text").textContent.trim().split(/\s{2,}/)[0];
  $("rows").replaceChildren(table(operationsOf(unit), unfolded));
}
function unfold(unit) {
  unfolded.unit = unfolded.unit === unit ? null : unit;
  unfolded.rows = ROWS;
  draw();
}
// The lines that a number is computed from.
function linesBelow(target) {
  const found = new Map(), waiting = [target], lit = new Set([target]);
  while (waiting.length) {
    const line = lineAt(waiting.pop());
    if (!line || found.has(line.position)) continue;
    found.set(line.position, below(line));
    for (const e of found.get(line.position)) { lit.add(e.to); waiting.push(e.to); }
  }
  return { order: [...found.keys()].sort((a, b) => a - b), lit, read: [...found.values()].flat() };
}
const upstreamOf = () => null;

const firstStage = new Map();
STAGES.forEach((stage, k) => stage.x.forEach(([b, r]) => {
  const key = b + "." + r;
  if (!firstStage.has(key)) firstStage.set(key, k + 1);
}));
const wireStage = new Map();
STAGES.forEach((stage, k) => stage.w.forEach(id => { if (!wireStage.has(id)) wireStage.set(id, k + 1); }));
const wires = [...SVG.querySelectorAll("g.edge")];

function show(n, scroll = true) {
  now = Math.max(0, Math.min(STAGES.length, n));
  at(now ? STAGES[now - 1].h : "");
  const current = new Set(now ? STAGES[now - 1].x.map(([b, r]) => b + "." + r) : []);
  bands.forEach((band, b) => {
    let filled = 0;
    band.lines.forEach((line, r) => {
      const key = b + "." + r, at = firstStage.get(key) || 0, hidden = blank() && at > now;
      if (!hidden) filled++;
      line.texts.forEach(text => {
        text.classList.toggle("pend", hidden);
        text.classList.toggle("now", current.has(key));
      });
    });
    if (band.group) {
      band.group.classList.toggle("pend", band.lines.length > 0 && !filled);
      band.group.classList.toggle("now", band.lines.some((_, r) => current.has(b + "." + r)));
    }
  });
  const lit = new Set(now ? STAGES[now - 1].w : []);
  for (const wire of wires) {
    const at = wireStage.get(wire.id) || (wire.classList.contains("bwd") ? lastBackward : 1);
    wire.classList.toggle("pend", blank() && at > now);
    wire.classList.toggle("now", lit.has(wire.id));
  }
  say();
  draw();
  if (scroll) follow();
}
const lastBackward = STAGES.reduce((last, stage, k) => stage.p === 1 ? k + 1 : last, 1);

function say() {
  const stage = now ? STAGES[now - 1] : null;
  $("phase").textContent = stage ? W.phases[stage.p] : W.start;
  $("phase").className = "phase p" + (stage ? stage.p : "");
  $("title").textContent = stage ? stage.h : DATA.caption;
  const lines = stage ? stage.e.map(equationLine) : [];
  const note = stage && stage.n ? [make("p", stage.n, { class: "note" })] : [];
  $("equations").replaceChildren(...(stage ? lines : [make("p", W.hint, { class: "note" })]), ...note);
}
// ---- all of it ----------------------------------------------------------------------------------

function begin() {
  run();
  recorded = decisions();
  player();
  $("blank").onchange = () => show(now);
  $("out").onclick = () => zoomBy(1 / 1.25);
  $("in").onclick = () => zoomBy(1.25);
  $("fit").onclick = () => { scale(0); follow(); };
  $("sheet").onclick = () => {
    worksheet();
    document.body.classList.add("sheets");
    print();
  };
  $("slides").onclick = () => { slides(); print(); };
  addEventListener("afterprint", () => document.body.classList.remove("sheets"));
  readable();
  $("reset").onclick = () => {
    fields.forEach(f => f.reset());
    $("wrong").textContent = "";
    recompute();
  };
  for (const band of bands) for (const line of band.lines) {
    if (!("q" in line.row) || !line.value) continue;
    line.value.classList.add("number");
    line.value.addEventListener("click", () => choose(line.row.q));
  }
  const seen = new Set();
  for (const band of bands) for (const line of band.lines) {
    const q = line.row.q;
    if (q === undefined || seen.has(q) || !nameOf(q) || !("f" in line.row) && "grid" in line.row) continue;
    seen.add(q);
    const card = part(band.card), title = card && card.querySelector("text");
    $("which").append(make("option", `${title ? title.textContent.trim().split(/\s{2,}/)[0] : ""}: ${nameOf(q)}`, { value: q }));
  }
  for (const unit of new Set(LINES.map(line => line.unit))) {
    const title = part(unit)?.querySelector("text");
    if (!title) continue;
    title.classList.add("head");
    title.addEventListener("click", () => unfold(unit));
    $("unit").append(make("option", title.textContent.trim().split(/\s{2,}/)[0], { value: unit }));
  }
  $("unit").onchange = () => { unfolded.unit = null; if ($("unit").value) unfold($("unit").value); else draw(); };
  $("which").onchange = () => choose($("which").value === "" ? null : Number($("which").value));
  addEventListener("resize", () => scale(zoom));
  inputs();
  pan($("view"), zoomBy);
  scale(0);
  document.body.classList.add("ready");
  const printed = location.hash === "#slides";
  show(addressed() ?? 0);
  if (printed) slides();
}
begin();
