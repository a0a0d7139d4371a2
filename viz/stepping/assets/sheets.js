// Worksheets and slides, to print.
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
// A slide for each stage: what it says, the card that it is about, large, and the whole, small.
const SLIDE = { width: 640, ratio: 2.35 };  // of the part that is shown, in units of the picture
function slides() {
  const before = now;
  $("sheets").replaceChildren(...STAGES.map((stage, k) => {
    show(k + 1, false);
    const page = make("section", "", { class: "sheet slide" });
    const title = make("h2"), head = make("div", "", { class: "head" }), said = make("div");
    title.append($("phase").cloneNode(true), make("span", stage.h));
    said.append(title, $("equations").cloneNode(true));
    const whole = SVG.cloneNode(true), near = SVG.cloneNode(true);
    for (const copy of [whole, near]) copy.removeAttribute("style");
    head.append(said, whole);
    near.setAttribute("viewBox", around(stage).join(" "));
    page.append(head, near);
    page.querySelectorAll("[id]").forEach(e => e.removeAttribute("id"));
    page.querySelectorAll(".lit, .chain").forEach(e => e.classList.remove("lit", "chain"));
    return page;
  }));
  show(before, false);
  document.body.classList.add("sheets");
}
// The part of the picture around the last card of a stage, as wide as can be read from afar.
function around(stage) {
  const { x, y, width, height } = SVG.viewBox.baseVal, all = SVG.getBoundingClientRect(), factor = width / all.width;
  const box = part(stage.c[stage.c.length - 1] ?? bands[0].card).getBoundingClientRect();
  const wide = Math.max(SLIDE.width, box.width * factor + 30, (box.height * factor + 30) * SLIDE.ratio), high = wide / SLIDE.ratio;
  if (wide >= width && high >= height) return [x, y, width, height];
  const within = (middle, size, most) => Math.max(0, Math.min(most - size, middle - size / 2));
  return [x + within((box.left + box.width / 2 - all.left) * factor, wide, width),
    y + within((box.top + box.height / 2 - all.top) * factor, high, height), wide, high];
}
const bandOf = new Map(bands.flatMap(band => band.lines.flatMap(line => line.texts.map(text => [text, band]))));
const lineOf = new Map(bands.flatMap(band => band.lines.flatMap(line => line.texts.map(text => [text, line]))));
