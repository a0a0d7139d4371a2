"""What tests of pages have in common: the article's step."""

from micrograd import nn, optim, record_step
from micrograd.article import networks as article


def article_step(parameters=None, x=article.X, y=article.Y, lr=article.LEARNING_RATE, rule=None):
    model = article.network()
    if parameters:
        model.load_state_dict({**article.PARAMETERS, **parameters})
    rule = rule or optim.SGD
    return record_step(model, nn.MSELoss(), rule(model.parameters(), lr=lr), x, y)


def edit(page, label, number):
    page.get_by_label(label, exact=True).fill(number)
    page.keyboard.press("Enter")


def until(page, condition):
    """Wait until something is so, ten seconds at most."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not so: {condition}")


# What is outside of the window, cut off or on top of something else.
LAYOUT = """() => {
  const wrong = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) wrong.push("the page is wider than the window");
  const seen = [...document.querySelectorAll("h1, h2, p, li, button, select, input, label, legend")]
    .filter(e => e.checkVisibility() && !e.closest(".view"));
  const box = e => e.getBoundingClientRect();
  for (const e of seen) {
    const b = box(e);
    if (b.left < -0.5 || b.right > wide + 0.5) wrong.push(["outside", e.outerHTML.slice(0, 90)]);
    const cut = e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflow !== "visible";
    if (cut && !["SELECT", "INPUT"].includes(e.tagName))
      wrong.push(["cut", e.outerHTML.slice(0, 90)]);
  }
  for (const a of seen) for (const b of seen) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const p = box(a), q = box(b);
    const over = Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
      && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1;
    if (over) wrong.push(["overlap", a.outerHTML.slice(0, 70), b.outerHTML.slice(0, 70)]);
  }
  for (const band of bands) for (const line of band.lines) for (const text of line.texts) {
    if (!text.textContent) continue;
    const t = text.getBBox();
    if (t.x < band.box.x - 1 || t.x + t.width > band.box.x + band.box.width + 1)
      wrong.push(["text", text.textContent, t.width, band.box.width]);
  }
  return wrong;
}"""
