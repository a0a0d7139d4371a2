// The page: stages, what is shown when, and what keys and buttons do.
const STAGES = DATA.stages;
const LINES = DATA.lines.map(([position, q, formula, unit]) => ({ position, q, formula, unit }));
const lineOfPosition = new Map(LINES.map(line => [line.position, line]));
const lineAt = position => lineOfPosition.get(position);
const linesAfter = target => LINES.filter(line => line.position > target);
const upstreamOf = () => null;

const firstStage = new Map();
STAGES.forEach((stage, k) => stage.x.forEach(([b, r]) => {
  const key = b + "." + r;
  if (!firstStage.has(key)) firstStage.set(key, k + 1);
}));
const wireStage = new Map();
STAGES.forEach((stage, k) => stage.w.forEach(id => { if (!wireStage.has(id)) wireStage.set(id, k + 1); }));
const wires = [...SVG.querySelectorAll("g.edge")];
let now = 0, playing = 0;
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
  readable();
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
