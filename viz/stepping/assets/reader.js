// How a number came about: beside the picture, to read and to copy.
let chosen = null;
function choose(q) {
  chosen = q;
  $("derivation").hidden = q === null;
  const d = q === null ? null : derive(q);
  if (d) {
    $("derived").textContent = d.title;
    $("steps").replaceChildren(...d.lines.map(([text, , next]) => {
      if (next === undefined || next === null) return make("li", text);
      const item = make("li"), button = make("button", text, { type: "button", class: "link" });
      button.onclick = () => choose(next);
      item.append(button);
      return item;
    }));
    $("copied").textContent = "";
  }
  light(d, q);
}
function readable() {
  $("close").onclick = () => choose(null);
  $("text").onclick = () => copy(asText(derive(chosen)));
  $("markdown").onclick = () => copy(asMarkdown(derive(chosen)));
  $("latex").onclick = () => copy(asLatex(derive(chosen)));
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
