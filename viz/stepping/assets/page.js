// The page: stages, what is shown when, numbers that are changed, derivations, worksheets.
const $ = id => document.getElementById("ui-" + id);
const SVG = document.querySelector(".picture svg");
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
};
const W = DATA.words, STAGES = DATA.stages;

// ---- the texts of the picture -------------------------------------------------------------------

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
  const roleOf = q => ({ g: "bwd", s: "loc" })[DATA.q[q][3][0]];
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
      const long = all.map(([text]) => text).join("");
      if (long.length > 150) all.splice(0, all.length, [long.slice(0, 149) + "…", ink]);
      const before = line.detail.textContent;
      if (before !== all.map(([text]) => text).join("")) setText(line.detail, all, room);
    }
  }
}

// ---- stages -------------------------------------------------------------------------------------

const firstStage = new Map();
STAGES.forEach((stage, k) => stage.x.forEach(([b, r]) => {
  const key = b + "." + r;
  if (!firstStage.has(key)) firstStage.set(key, k + 1);
}));
const wireStage = new Map();
STAGES.forEach((stage, k) => stage.w.forEach(id => { if (!wireStage.has(id)) wireStage.set(id, k + 1); }));
const wires = [...SVG.querySelectorAll("g.edge")];
let now = 0, playing = 0, chosen = null;
const slider = $("slider"), still = matchMedia("(prefers-reduced-motion: reduce)");
const blank = () => $("blank").checked;

function show(n, scroll = true) {
  now = Math.max(0, Math.min(STAGES.length, n));
  slider.value = now;
  slider.setAttribute("aria-valuetext", now ? `${now}: ${STAGES[now - 1].h}` : W.start);
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
  try { history.replaceState(null, "", "#" + now); } catch { /* a frame without an address */ }
  if (scroll) follow();
}
const lastBackward = STAGES.reduce((last, stage, k) => stage.p === 1 ? k + 1 : last, 1);

function say() {
  const stage = now ? STAGES[now - 1] : null;
  $("count").textContent = `${now} / ${STAGES.length}`;
  $("phase").textContent = stage ? W.phases[stage.p] : W.start;
  $("phase").className = "phase p" + (stage ? stage.p : "");
  $("title").textContent = stage ? stage.h : DATA.caption;
  const lines = stage ? stage.e.map(equationLine) : [];
  const note = stage && stage.n ? [make("p", stage.n, { class: "note" })] : [];
  $("equations").replaceChildren(...(stage ? lines : [make("p", W.hint, { class: "note" })]), ...note);
}
function equationLine([lhs, e, q]) {
  const shown = number(value(q)), line = make("p", "", { class: "equation" });
  const parts = [[lhs || nameOf(q), "name"]];
  if (e !== null) {
    parts.push([joined(symbolic(e)), "formula"]);
    const numbers = joined(spelled(e, shown));
    if (numbers) parts.push([numbers, "numbers"]);
  }
  parts.push([shown, "result"]);
  parts.forEach(([text, kind], k) => {
    if (k) line.append(make("span", " = ", { class: "equals" }));
    line.append(make("span", text, { class: kind }));
  });
  return line;
}
function follow() {
  const view = $("view"), stage = now ? STAGES[now - 1] : null;
  if (!stage || !stage.c.length || view.scrollWidth <= view.clientWidth + 2 && view.scrollHeight <= view.clientHeight + 2) return;
  const card = part(stage.c[stage.c.length - 1]);
  if (!card) return;
  const a = card.getBoundingClientRect(), b = view.getBoundingClientRect();
  const place = { left: view.scrollLeft + a.left - b.left - (b.width - a.width) / 2,
    top: view.scrollTop + a.top - b.top - Math.max(0, (b.height - a.height) / 2) };
  view.scrollTo({ ...place, behavior: still.matches ? "auto" : "smooth" });
}
function play(on = !playing) {
  clearInterval(playing);
  playing = 0;
  if (on) {
    if (now >= STAGES.length) show(0);
    playing = setInterval(() => {
      show(now + 1);
      if (now >= STAGES.length) play(false);
    }, Number($("speed").value));
  }
  $("play").classList.toggle("playing", Boolean(playing));
  $("play").setAttribute("aria-label", playing ? W.pause : W.play);
}

// ---- zoom and pan -------------------------------------------------------------------------------

const natural = SVG.viewBox.baseVal.width;
let zoom = 0;  // 0: as wide as the window, but not so small that nothing can be read
const least = 0.72;
const fitting = () => Math.max(least, ($("view").clientWidth - 2) / natural);
function scale(to) {
  zoom = to;
  const factor = Math.min(4, Math.max(0.2, zoom || Math.min(fitting(), 1.6)));
  SVG.style.width = natural * factor + "px";
  SVG.style.height = "auto";
  return factor;
}
const zoomBy = by => { zoom = scale(zoom) * by; scale(zoom); follow(); };
function pan(view) {
  let from = null;
  view.addEventListener("pointerdown", e => {
    if (e.pointerType !== "mouse" || e.button) return;
    from = [e.clientX + view.scrollLeft, e.clientY + view.scrollTop, e.clientX, e.clientY];
  });
  addEventListener("pointermove", e => {
    if (!from) return;
    view.scrollLeft = from[0] - e.clientX;
    view.scrollTop = from[1] - e.clientY;
  });
  addEventListener("pointerup", () => { from = null; });
  view.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    zoomBy(e.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
}

// ---- derivations --------------------------------------------------------------------------------

function choose(q) {
  chosen = q;
  document.querySelectorAll(".lit").forEach(e => e.classList.remove("lit"));
  $("derivation").hidden = q === null;
  if (q === null) { $("which").value = ""; return; }
  const d = derive(q);
  $("which").value = String(q);
  $("derived").textContent = d.title;
  $("steps").replaceChildren(...d.lines.map(([text]) => make("li", text)));
  $("copied").textContent = "";
  light(d, q);
}
function light(d, q) {
  const used = new Set();
  for (const [position, found] of d.edges) for (const e of found) used.add(position + "," + e.q);
  for (const band of bands) for (const line of band.lines) {
    if (!("q" in line.row)) continue;
    const [kind, a, b] = DATA.q[line.row.q][3];
    const hit = line.row.q === q || (kind === "s" ? used.has(a + "," + b)
      : kind === "g" ? d.edges.size && d.lit.has(a) && band.role === "bwd"
      : kind === "v" ? !d.edges.size && d.lit.has(a) : false);
    if (hit) line.texts.forEach(text => text.classList.add("lit"));
    if (hit && band.group) band.group.classList.add("lit");
  }
}
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    $("copied").textContent = W.copied;
  } catch {
    const box = make("textarea", text, { class: "copybox", readonly: "", "aria-label": W.copyhand });
    $("copied").replaceChildren(W.copyhand + " ", box);
    box.select();
    try { if (document.execCommand("copy")) $("copied").textContent = W.copied; } catch { /* by hand */ }
  }
}

// ---- numbers that are changed -------------------------------------------------------------------

const parsed = text => {
  const word = text.trim().replace("−", "-").toLowerCase();
  if (word in { nan: 1, inf: 1, "-inf": 1 }) return plain(word);
  return word === "" ? NaN : Number(word);
};
const valid = text => /^\s*([-−+]?(inf|nan|\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?))\s*$/i.test(text);
function field(label, get, set) {
  const start = get(), input = make("input", "", { type: "text", inputmode: "decimal", value: exact(start), autocomplete: "off" });
  input.addEventListener("change", () => {
    const good = valid(input.value);
    input.setAttribute("aria-invalid", String(!good));
    $("wrong").textContent = good ? "" : fill(W.wrong, { text: input.value });
    if (!good) return;
    set(parsed(input.value));
    recompute();
  });
  const box = make("label", label + " ");
  box.append(input);
  return { box, input, reset() { set(start); input.value = exact(start); input.setAttribute("aria-invalid", "false"); } };
}
const fields = [];
function inputs() {
  for (const [title, leaves] of DATA.edit) {
    const group = make("fieldset");
    group.append(make("legend", title));
    for (const [position, name] of leaves) {
      const made = position < 0
        ? field(name, () => rates[-1 - position], x => { rates[-1 - position] = x; })
        : field(name, () => leafValues[position], x => { leafValues[position] = x; });
      made.position = position;
      fields.push(made);
      group.append(made.box);
    }
    $("fields").append(group);
  }
}
const decisions = () => TAPE.map((node, i) => Array.isArray(node) && DATA.decides.includes(DATA.ops[node[0]]) ? V[i] : 0).join();
let recorded = "";
function recompute() {
  run();
  rewrite();
  const other = DATA.decided && decisions() !== recorded;
  $("notice").textContent = [other ? W.branch : "", DATA.frozen && edited() ? W.frozen : ""].join(" ").trim();
  show(now, false);
  if (chosen !== null) choose(chosen);
}
const edited = () => fields.some(f => f.input.value !== f.input.defaultValue);

// ---- worksheets ---------------------------------------------------------------------------------

function worksheet() {
  const at = now, was = blank();
  $("blank").checked = true;
  show(at, false);
  const sheet = solution => {
    const page = make("section", "", { class: "sheet" });
    page.append(make("h2", `${solution ? W.solution : W.worksheet}: ${DATA.caption}`));
    if (!solution) page.append(make("p", W.task));
    const copy = SVG.cloneNode(true);
    copy.removeAttribute("style");
    const from = [...SVG.querySelectorAll("text")], to = [...copy.querySelectorAll("text")];
    from.forEach((text, k) => {
      if (!text.classList.contains("pend")) return;
      const line = lineOf.get(text);
      to[k].classList.remove("pend");
      if (solution || !line || text === line.name) return;
      const room = bandOf.get(text).box.width, small = to[k].firstElementChild;
      if (text === line.value || !small) { to[k].textContent = "________"; return; }
      small.textContent = "= " + "_".repeat(Math.max(4, Math.min(text.textContent.length, Math.floor(room / 7) - 4)));
      to[k].replaceChildren(small);
    });
    copy.querySelectorAll(".pend").forEach(e => e.classList.remove("pend"));
    copy.querySelectorAll(".now, .lit").forEach(e => e.classList.remove("now", "lit"));
    copy.querySelectorAll("[id]").forEach(e => e.removeAttribute("id"));
    copy.removeAttribute("aria-labelledby");
    copy.setAttribute("aria-label", page.firstChild.textContent);
    page.append(copy);
    return page;
  };
  $("sheets").replaceChildren(sheet(false), sheet(true));
  $("blank").checked = was;
  show(at, false);
}
// A slide for each stage, with what it says above the picture.
function slides() {
  const at = now;
  $("sheets").replaceChildren(...STAGES.map((stage, k) => {
    show(k + 1, false);
    const page = make("section", "", { class: "sheet slide" });
    const title = make("h2");
    title.append($("phase").cloneNode(true), make("span", stage.h));
    const copy = SVG.cloneNode(true);
    copy.removeAttribute("style");
    page.append(title, $("equations").cloneNode(true), copy);
    page.querySelectorAll("[id]").forEach(e => e.removeAttribute("id"));
    copy.querySelectorAll(".lit").forEach(e => e.classList.remove("lit"));
    return page;
  }));
  show(at, false);
  document.body.classList.add("sheets");
}
const bandOf = new Map(bands.flatMap(band => band.lines.flatMap(line => line.texts.map(text => [text, band]))));
const lineOf = new Map(bands.flatMap(band => band.lines.flatMap(line => line.texts.map(text => [text, line]))));

// ---- all of it ----------------------------------------------------------------------------------

function begin() {
  run();
  recorded = decisions();
  slider.max = STAGES.length;
  slider.oninput = () => show(Number(slider.value));
  $("first").onclick = () => show(0);
  $("back").onclick = () => show(now - 1);
  $("next").onclick = () => show(now + 1);
  $("last").onclick = () => show(STAGES.length);
  $("play").onclick = () => play();
  $("speed").onchange = () => { if (playing) play(true); };
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
  $("close").onclick = () => choose(null);
  $("text").onclick = () => copy(asText(derive(chosen)));
  $("markdown").onclick = () => copy(asMarkdown(derive(chosen)));
  $("latex").onclick = () => copy(asLatex(derive(chosen)));
  $("reset").onclick = () => {
    fields.forEach(f => f.reset());
    $("wrong").textContent = "";
    recompute();
  };
  addEventListener("keydown", e => {
    if (e.target.closest("input, select, textarea, summary") && e.target !== slider || e.altKey || e.ctrlKey || e.metaKey) return;
    const moves = { ArrowRight: () => show(now + 1), ArrowLeft: () => show(now - 1), Home: () => show(0), End: () => show(STAGES.length),
      Escape: () => choose(null), b: () => $("blank").click(), PageDown: () => show(now + 1), PageUp: () => show(now - 1) };
    if (e.key === " " && e.target.closest("button")) return;
    const move = e.key === " " ? () => play() : moves[e.key];
    if (!move) return;
    e.preventDefault();
    move();
  });
  for (const band of bands) for (const line of band.lines) {
    if (!("q" in line.row) || !line.value) continue;
    line.value.classList.add("number");
    let down = null;
    line.value.addEventListener("pointerdown", e => { down = [e.clientX, e.clientY]; });
    line.value.addEventListener("click", e => {
      if (down && Math.hypot(e.clientX - down[0], e.clientY - down[1]) > 4) return;
      choose(line.row.q);
    });
  }
  const seen = new Set();
  for (const band of bands) for (const line of band.lines) {
    const q = line.row.q;
    if (q === undefined || seen.has(q) || !nameOf(q) || !("f" in line.row) && "grid" in line.row) continue;
    seen.add(q);
    const card = part(band.card), title = card && card.querySelector("text");
    $("which").append(make("option", `${title ? title.textContent.trim().split(/\s{2,}/)[0] : ""}: ${nameOf(q)}`, { value: q }));
  }
  $("which").onchange = () => choose($("which").value === "" ? null : Number($("which").value));
  addEventListener("hashchange", () => show(Number(location.hash.slice(1).replace("step=", "")) || 0));
  addEventListener("resize", () => scale(zoom));
  inputs();
  pan($("view"));
  scale(0);
  const hash = location.hash.slice(1).replace("step=", "");
  document.body.classList.add("ready");
  show(hash === "" || isNaN(hash) ? 0 : Number(hash));
  if (hash === "slides") slides();
}
begin();
