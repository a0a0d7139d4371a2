// The picture: its texts, which are written anew when numbers change; zoom and pan.
const SVG = document.querySelector(".picture svg");
const part = id => SVG.querySelector(`[id="${CSS.escape(id)}"]`);
const bands = DATA.bands.map(([id, role, card, rows]) => {
  const group = part(id), texts = group ? [...group.querySelectorAll("text")] : [];
  let next = 0;
  const lines = rows.map(row => {
    const own = texts.slice(next, next += row.t);
    const named = row.n ? 0 : row.t >= 2;
    const line = { row, texts: own, name: null, value: null, detail: null };
    if (row.n) { line.value = own[own.length - 1]; line.name = own.length > 1 ? own[0] : null; }
    else if (named) [line.name, line.value, line.detail = null] = own;
    else line.detail = own[0];
    own.forEach(text => { text.dataset.full = text.textContent; });
    return line;
  });
  const ground = group && group.querySelector("polygon");
  const box = ground ? ground.getBBox() : null;
  return { id, role, card, group, ground, box, lines };
});
const INK = { fwd: "#004b7a", loc: "#6b5200", bwd: "#9a3e00", upd: "#00604a", between: "#5b6770" };

function setText(text, content, room) {
  const style = text.firstElementChild;
  if (text.textContent === content) return;
  const pieces = Array.isArray(content) ? content : [[content, null]];
  if (style) {
    const [size, weight] = ["font-size", "font-weight"].map(name => style.getAttribute(name));
    text.replaceChildren(...pieces.map(([words, ink]) => {
      const piece = document.createElementNS("http://www.w3.org/2000/svg", "tspan");
      piece.textContent = words;
      piece.setAttribute("fill", ink || style.getAttribute("fill"));
      if (size) piece.setAttribute("font-size", size);
      if (weight) piece.setAttribute("font-weight", weight);
      return piece;
    }));
  } else text.textContent = pieces.map(([words]) => words).join("");
  text.dataset.full = text.textContent;
  text.removeAttribute("textLength");
  text.removeAttribute("lengthAdjust");
  if (room) {
    const wide = text.getComputedTextLength();
    if (wide > room) {
      text.setAttribute("textLength", room);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  }
}
function roomBeside(line, band) {
  const beside = line.name && line.name !== line.value ? line.name.getComputedTextLength() + 8 : 0;
  return band.box ? Math.max(24, band.box.width - 6 - beside) : 0;
}
const gridDigits = () => DATA.grids.map(lines => digitsOf(lines));
function coloured(pieces, role) {
  const roleOf = q => ({ g: "bwd", s: "loc" })[entry(q)[3][0]];
  const mixed = role === "bwd" && pieces.some(([, q]) => q !== null && roleOf(q));
  return pieces.map(([text, q]) => [text, INK[mixed ? (q !== null && roleOf(q)) || "between" : role]]);
}
function rewrite() {
  const digits = gridDigits();
  const ofCard = {};
  for (const band of bands)
    for (const { row } of band.lines) if ("grid" in row) ofCard[band.card] = digits[row.grid];
  for (const band of bands) for (const line of band.lines) {
    const { row } = line, room = band.box ? band.box.width - 6 : 0;
    if (row.note) {
      const [before, q, after] = row.note;
      const text = figureOf(q, (ofCard[band.card] || {})[nameOf(q)] ?? LEAST, LEAST);
      setText(line.detail, before + factor(text) + after, room);
      continue;
    }
    if (!("q" in row)) continue;
    const x = value(row.q);
    if ("grid" in row) {
      const known = digits[row.grid][nameOf(row.q)] ?? LEAST;
      setText(line.value, x === null ? MISSING : figureOf(row.q, known, LEAST), roomBeside(line, band));
      continue;
    }
    const shown = row.w ? short(x) : number(x);
    setText(line.value, shown, roomBeside(line, band));
    if (line.name && row.f) {
      const holds = agrees(compute(row.f, value), shown, true);
      setText(line.name, holds ? `${nameOf(row.q)} = ${joined(symbolic(row.f))}` : nameOf(row.q));
    }
    if (line.detail && row.d) {
      const said = row.s ? number(compute(row.d, value)) : shown;
      const pieces = spelled(row.d, said), ink = INK[band.role];
      const all = pieces.length ? [[row.s || "= ", ink], ...coloured(pieces, band.role)] : [["", ink]];
      if (row.s && pieces.length) all.push([" = " + said, ink]);
      const before = line.detail.textContent;
      if (before !== all.map(([text]) => text).join("")) setText(line.detail, all, room);
    }
  }
}

// The chain of a number: the bands and wires that it came by.
function light(d, q) {
  SVG.querySelectorAll(".lit").forEach(e => e.classList.remove("lit"));
  SVG.classList.toggle("chain", d !== null);
  $("which").value = d === null ? "" : String(q);
  if ($("which").selectedIndex < 0) $("which").value = "";  // one of a caption
  scale(zoom);
  if (d === null) return;
  const { back, read } = d;
  const used = new Set(read.map(e => e.line.position + "," + e.q));
  for (const band of bands) for (const line of band.lines) {
    if (!("q" in line.row)) continue;
    const [kind, a, b] = entry(line.row.q)[3];
    const hit = line.row.q === q || (kind === "s" ? back && used.has(a + "," + b)
      : kind === "g" ? back && d.lit.has(a) && band.role === "bwd"
      : kind === "v" ? !back && d.lit.has(a) : false);
    if (hit) line.texts.forEach(text => text.classList.add("lit"));
    if (hit && band.group) band.group.classList.add("lit");
  }
  for (const e of read) for (const id of (DATA.links[e.line.position + "," + e.to] || [[], []])[Number(back)])
    part(id).classList.add("lit");
  const own = bands.find(band => band.group && band.lines.some(line => line.row.q === q));
  if (own) bring($("view"), own.group, [own.group]);
}

// ---- zoom and pan -------------------------------------------------------------------------------

const natural = SVG.viewBox.baseVal.width;
let zoom = 0;  // 0: as wide as the window, but not so small that nothing can be read
const widest = Math.max(...[...SVG.querySelectorAll("g.node")].map(g => g.getBBox().width));
const least = () => innerWidth > 600 ? 0.72 : Math.max(0.72, Math.min(1, ($("view").clientWidth - 12) / widest));
const fitting = () => Math.max(least(), ($("view").clientWidth - 2) / natural);
function scale(to) {
  zoom = to;
  const factor = Math.min(4, Math.max(0.2, zoom || Math.min(fitting(), 1.6)));
  SVG.style.width = natural * factor + "px";
  SVG.style.height = "auto";
  return factor;
}
const zoomBy = by => { zoom = scale(zoom) * by; scale(zoom); follow(); };
// Brings what a stage fills into view: its last card, or where that is too large, what it fills
// there, or the result alone.
function follow() {
  const view = $("view"), stage = now ? STAGES[now - 1] : null;
  if (!stage || view.scrollWidth <= view.clientWidth + 2 && view.scrollHeight <= view.clientHeight + 2) return;
  const card = stage.c.length ? part(stage.c[stage.c.length - 1]) : null;
  const current = new Set(stage.x.map(([b, r]) => b + "." + r));
  const filled = bands.flatMap((band, b) => band.group ? band.lines.map((line, r) => ({ band, line, at: b + "." + r })) : [])
    .filter(x => current.has(x.at) && x.line.texts.some(text => text.textContent));
  const own = filled.filter(x => card && x.band.card === card.id);
  const at = own.length ? card.id : filled.length && filled[filled.length - 1].band.card;
  const parts = filled.filter(x => x.band.card === at);
  if (!card && !parts.length) return;
  const results = new Set(stage.e.map(e => e[2])), last = parts.filter(x => results.has(x.line.row.q)).slice(-1);
  const texts = found => found.flatMap(x => x.line.texts.filter(text => text.textContent));
  bring(view, at ? part(at) : card, texts(parts), texts(last.length ? last : parts.slice(-1)).slice(0, 2));
}
// The widest of these that fits: the whole card, parts of it, the result; of what does not fit, its right end.
function bring(view, card, ...parts) {
  const outer = view.getBoundingClientRect();
  const around = [[card], ...parts].filter(found => found.length).map(found => found.map(e => e.getBoundingClientRect()));
  const along = (from, to, size, start, scrolled, most) => {
    const ends = around.map(boxes => [Math.min(...boxes.map(b => b[from])), Math.max(...boxes.map(b => b[to]))]);
    const [low, high] = ends.find(([a, b]) => b - a <= size - 8) || ends[ends.length - 1];
    const free = (size - (high - low)) / 2;
    return Math.max(0, Math.min(most, scrolled + low - start - (free < 4 && from === "left" ? 2 * free - 4 : Math.max(4, free))));
  };
  view.scrollTo({
    left: along("left", "right", view.clientWidth, outer.left, view.scrollLeft, view.scrollWidth),
    top: along("top", "bottom", view.clientHeight, outer.top, view.scrollTop, view.scrollHeight),
    behavior: still.matches ? "auto" : "smooth",
  });
}
