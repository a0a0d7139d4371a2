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
