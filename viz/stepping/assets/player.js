// Keys, buttons, the slider and the address: which stage is shown.
let now = 0, playing = 0;
const slider = $("slider"), still = matchMedia("(prefers-reduced-motion: reduce)");
const blank = () => $("blank").checked;
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
function addressed() {
  const hash = location.hash.slice(1).replace("step=", "");
  return hash === "" || isNaN(hash) ? null : Number(hash);
}
// Where the page is, for the slider, for who listens to it, and for a link.
function at(title) {
  slider.value = now;
  slider.setAttribute("aria-valuetext", now ? `${now}: ${title}` : W.start);
  $("count").textContent = `${now} / ${STAGES.length}`;
  try { history.replaceState(null, "", "#" + now); } catch { /* a frame without an address */ }
}
function player() {
  const last = STAGES.length, step = by => () => show(now + by), go = n => () => show(n);
  slider.max = last;
  slider.oninput = () => show(Number(slider.value));
  $("first").onclick = go(0);
  $("back").onclick = step(-1);
  $("next").onclick = step(1);
  $("last").onclick = go(last);
  $("play").onclick = () => play();
  $("speed").onchange = () => { if (playing) play(true); };
  const moves = { ArrowRight: step(1), ArrowLeft: step(-1), PageDown: step(1), PageUp: step(-1), Home: go(0), End: go(last),
    Escape: () => choose(null), " ": () => play(), b: () => $("blank").click() };
  addEventListener("keydown", e => {
    if (e.target.closest("input, select, textarea, summary") && e.target !== slider || e.altKey || e.ctrlKey || e.metaKey) return;
    if (e.key === " " && e.target.closest("button") || !(e.key in moves)) return;
    e.preventDefault();
    moves[e.key]();
  });
  addEventListener("hashchange", () => show(addressed() ?? 0));
}
// A mouse drags what is shown; one that has dragged has not clicked.
function pan(view, zoomBy) {
  let from = null, dragged = false;
  view.addEventListener("pointerdown", e => {
    if (e.pointerType !== "mouse" || e.button) return;
    from = [e.clientX + view.scrollLeft, e.clientY + view.scrollTop, e.clientX, e.clientY];
    dragged = false;
  });
  addEventListener("pointermove", e => {
    if (!from) return;
    dragged ||= Math.hypot(e.clientX - from[2], e.clientY - from[3]) > 4;
    view.scrollLeft = from[0] - e.clientX;
    view.scrollTop = from[1] - e.clientY;
  });
  addEventListener("pointerup", () => { from = null; });
  view.addEventListener("click", e => {
    if (dragged) { e.stopPropagation(); e.preventDefault(); }
    dragged = false;
  }, { capture: true });
  view.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    zoomBy(e.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
}
