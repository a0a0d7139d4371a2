// Single operations as lines of a table: what each computes, its local derivatives, its gradient.
const ROWS = 60;
const isLeaf = i => !Array.isArray(TAPE[i]);
const known = new Map();
function asked(key, make) {
  if (!known.has(key)) {
    const made = make();  // which may ask for others
    known.set(key, DATA.q.push(made) - 1);
  }
  return known.get(key);
}
const nameAt = i => DATA.names[i] ?? (isLeaf(i) ? ["", ""] : ["n" + i, `n_{${i}}`]);
const symbolsOf = i => [rowOf.get(TAPE[i][0] + "|" + (TAPE[i][2] ?? null)), ...TAPE[i][1].map(j => ({ q: valueAt(j) }))];
const valueAt = i => asked("v" + i, () => [...nameAt(i), Number(isLeaf(i) && !DATA.names[i]), ["v", i]]);
const gradientAt = i => asked("g" + i, () => [partial(nameAt(ROOT)[0], nameAt(i)[0]), partialLatex(nameAt(ROOT)[1], nameAt(i)[1]), 0, ["g", i]]);
const slopeAt = (i, j) => asked(`s${i},${j}`, () => [partial(nameAt(i)[0], nameAt(j)[0]), partialLatex(nameAt(i)[1], nameAt(j)[1]), 0, ["d", i, j]]);
const rowOf = new Map(DATA.kinds.map(([row, op, k]) => [op + "|" + k, row]));
const asNumber = (q, kind, shown) => {
  const button = make("button", shown ? number(value(q)) : "", { type: "button", class: "number " + kind });
  if (!button.textContent) button.disabled = true;
  button.dataset.q = q;
  button.onclick = () => choose(q);
  return button;
};
function row(i) {
  const line = make("tr", "", { "data-i": i }), cells = [make("th", nameAt(i)[0], { scope: "row" })];
  cells.push(make("td", isLeaf(i) ? "" : joined(symbolic(symbolsOf(i)))));
  for (let k = 0; k < 4; k++) cells.push(make("td", "", { class: ["fwd", "loc", "bwd", "upd"][k] }));
  const [, , forward, local, backward, update] = cells;
  forward.append(asNumber(valueAt(i), "fwd", shownForward(i)));
  if (!isLeaf(i)) for (const j of new Set(TAPE[i][1])) if (nameAt(j)[0]) {
    const part = make("div", nameOf(slopeAt(i, j)) + " = ");
    part.append(asNumber(slopeAt(i, j), "loc", shownBackward(i)));
    local.append(part);
  }
  backward.append(asNumber(gradientAt(i), "bwd", shownBackward(i)));
  const next = isLeaf(i) ? newAt(i) : null;
  if (next !== null) update.append(asNumber(next, "upd", shownAfter(i)));
  line.append(...cells);
  return line;
}
function table(positions, group) {
  const box = make("div", "", { class: "table" }), whole = make("table"), body = make("tbody"), head = make("tr"), top = make("thead");
  const shown = positions.slice(0, group.rows), trained = shown.some(i => newAt(i) !== null);
  W.columns.slice(0, trained ? 6 : 5).forEach(title => head.append(make("th", title, { scope: "col" })));
  top.append(head);
  body.append(...shown.map(row));
  whole.append(top, body);
  whole.classList.toggle("untrained", !trained);
  box.append(whole);
  if (shown.length < positions.length) box.append(more(positions.length - shown.length, () => { group.rows += ROWS; }));
  return box;
}
function more(n, change) {
  const button = make("button", fill(W.more, { n: n.toLocaleString("en") }), { type: "button", class: "more" });
  button.onclick = () => { change(); draw(); };
  return button;
}
