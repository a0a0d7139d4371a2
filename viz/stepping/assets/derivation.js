// How one number came about: the paths of the chain rule, or the equations before it.
const MOST_PATHS = 12, MOST_STEPS = 40, MOST_TERMS = 60, MOST_LINES = 24;
const quantitiesIn = e => isQuantity(e) ? [e.q] : Array.isArray(e) ? e.slice(1).flatMap(quantitiesIn) : [];
function below(line) {
  const seen = new Map();
  for (const q of quantitiesIn(line.formula))
    if (entry(q)[3][0] === "v" && !seen.has(q)) seen.set(q, { line, q, to: entry(q)[3][1] });
  return [...seen.values()];
}
const slopeOf = edge => slope(edge.line.formula, edge.q);
// The derivative's own formula, where it still gives the number.
function slopeFormula(edge) {
  const source = DATA.slopes[edge.line.position + "," + edge.q];
  if (source === undefined) return null;
  const now = compute(source, value), wanted = slopeOf(edge);
  return Object.is(now, wanted) || Math.abs(now - wanted) <= 1e-12 * Math.abs(wanted) ? source : null;
}
const partial = (a, b) => `∂${a}/∂${b}`;
const isDirect = e => e.line.position === ROOT && DATA.direct.includes(e.to);
const slopeName = e => partial(nameOf(e.line.q), nameOf(e.q)) + (isDirect(e) ? `|${W.direct}` : "");
const slopeLatex = e => {
  const fraction = partialLatex(latexName(e.line.q), latexName(e.q));
  return isDirect(e) ? `\\left.${fraction}\\right|_{\\text{${W.direct}}}` : fraction;
};
const partialLatex = (a, b) => `\\frac{\\partial ${a}}{\\partial ${b}}`;
const MUL = DATA.rows.findIndex(row => row.f === "mul"), ADD = DATA.rows.findIndex(row => row.f === "add");

function pathsTo(target, edges) {
  const paths = [], walk = (position, path) => {
    if (position === target) { paths.push(path); return; }
    for (const edge of edges.get(position) || []) walk(edge.to, [...path, edge]);
  };
  walk(ROOT, []);
  return paths;
}

// Lines of a derivation: text and LaTeX, a headline where a path begins; and what lights up.
function gradientOf(target, name, tex) {
  const ways = edgesTo(target), { number: count, lit } = ways, root = lineAt(ROOT);
  const left = partial(nameOf(root.q), name), leftTex = partialLatex(latexName(root.q), tex);
  const result = number(G[target]), lines = [], said = { left, lines, lit, back: true };
  const last = (text, shown) => lines.push([`${text} = ${shown}`, `${leftTex} &= ${latexNumber(shown)}`]);
  if (target === ROOT) last(left, "1");
  else if (!count) last(left, result);
  if (!lines.length && (count > MOST_PATHS || ways.length > MOST_STEPS)) {
    lines.push(...summed(target, ways, root, left, leftTex));
    if (ways.size <= MOST_TERMS) last(left, result);
  }
  if (lines.length) return { ...said, read: ways.read };
  const edges = ways.edges();
  const paths = pathsTo(target, edges), sums = [];
  paths.forEach((path, k) => {
    const total = path.reduce((x, e) => x * slopeOf(e), 1);
    sums.push(total);
    if (paths.length > 1) lines.push([fill(DATA.words.path, { k: k + 1 }) + ": " +
      [nameOf(root.q), ...path.map(e => nameOf(e.q))].join(" ← "), null]);
    const names = path.map(slopeName).join(" · ");
    const namesTex = path.map(slopeLatex).join(" \\cdot ");
    const head = paths.length > 1 ? "" : left, headTex = paths.length > 1 ? "" : leftTex;
    const shown = number(total);
    if (names !== head) lines.push([head ? `${head} = ${names}` : names, headTex ? `${headTex} &= ${namesTex}` : `& ${namesTex}`]);
    const slopes = path.map(slopeOf), formulas = path.map(slopeFormula);
    if (formulas.every(f => f !== null)) {
      const product = formulas.reduce((a, b) => [MUL, a, b]);
      lines.push(["= " + joined(symbolic(product)), "&= " + latex(product, latexName)]);
    }
    const digits = digitsFor(slopes, (a, b) => a * b, shown);
    if (digits !== null && path.length > 1) lines.push(["= " + slopes.map(x => factor(figure(x, digits, LEAST))).join(" × "),
      "&= " + slopes.map(x => texFactor(figure(x, digits, LEAST))).join(" \\cdot ")]);
    lines.push([`= ${shown}`, `&= ${latexNumber(shown)}`]);
  });
  const share = sums.reduce((a, b) => a + b, 0), whole = number(share);
  if (paths.length > 1) {
    const digits = digitsFor(sums, (a, b) => a + b, whole);
    const text = digits === null ? "" : sums.map(x => factor(figure(x, digits, LEAST))).join(" + ") + " = ";
    const tex2 = digits === null ? "" : sums.map(x => texFactor(figure(x, digits, LEAST))).join(" + ") + " = ";
    lines.push([`${left} = ${text}${whole}`, `${leftTex} &= ${tex2}${latexNumber(whole)}`]);
  }
  if (whole !== result) {
    lines.push([DATA.words.share, null]);
    lines.push([`${left} = ${result}`, `${leftTex} &= ${latexNumber(result)}`]);
  }
  return { ...said, read: [...edges.values()].flat() };
}
// Too many paths to write out: each product, or, where those are too many too, the way to where paths
// part, and the products there, the largest first.
function summed(target, ways, root, left, leftTex) {
  const lines = [];
  if (ways.size <= MOST_TERMS) {
    lines.push([fill(DATA.words.many, { n: counted(ways.number) }), null]);
    return [...lines, ...[...ways.edges().values()].reverse().flat().flatMap(e => term(e, root))];
  }
  let at = target;
  const way = [];
  while (at !== ROOT && way.length < MOST_PATHS) {
    const found = ways.readers(at);
    if (found.length !== 1) break;
    way.unshift(found[0]);
    at = found[0].line.position;
  }
  if (way.length) {
    const top = way[0].line.q, known = [G[at], ...way.map(slopeOf)];
    const names = [partial(nameOf(root.q), nameOf(top)), ...way.map(slopeName)];
    const tex = [partialLatex(latexName(root.q), latexName(top)), ...way.map(slopeLatex)];
    const shown = number(G[target]), digits = digitsFor(known, (a, b) => a * b, shown);
    lines.push([`${left} = ${names.join(" · ")}`, `${leftTex} &= ${tex.join(" \\cdot ")}`]);
    if (digits !== null) lines.push(["= " + known.map(x => factor(figure(x, digits, LEAST))).join(" × "),
      "&= " + known.map(x => texFactor(figure(x, digits, LEAST))).join(" \\cdot ")]);
    lines.push([`= ${shown}`, `&= ${latexNumber(shown)}`]);
  }
  const uses = at === ROOT ? [] : ways.readers(at), share = new Map(uses.map(e => [e, G[e.line.position] * slopeOf(e)]));
  if (!uses.length) return lines;
  lines.push([fill(DATA.words.uses, { n: counted(ways.number), m: uses.length, name: nameOf(uses[0].q) }), null]);
  const order = [...uses].sort((a, b) => Math.abs(share.get(b)) - Math.abs(share.get(a)));
  const rest = order.slice(MOST_PATHS);
  for (const e of order.slice(0, MOST_PATHS)) lines.push(...term(e, root));
  const sum = rest.reduce((x, e) => x + share.get(e), 0);
  if (rest.length) lines.push([fill(DATA.words.rest, { n: rest.length, sum: number(sum) }), null]);
  const sumOf = number(G[at]);
  lines.push([`${partial(nameOf(root.q), nameOf(uses[0].q))} = ${sumOf}`, `${partialLatex(latexName(root.q), latexName(uses[0].q))} &= ${latexNumber(sumOf)}`]);
  return lines;
}
const counted = n => n < 1e15 ? n.toLocaleString("en") : n.toExponential(1).replace("e+", " × 10^");
const factor = text => text.startsWith("-") ? `(${text})` : text;
const texFactor = text => text.startsWith("-") ? bracketed(latexNumber(text)) : latexNumber(text);
function digitsFor(numbers, combine, result) {
  for (const tie of [false, true])
    for (let d = LEAST; d <= MOST_TRIED; d++)
      if (agrees(numbers.map(x => read(figure(x, d, LEAST))).reduce(combine), result, tie)) return d;
  return null;
}
function term(e, root) {
  const up = number(G[e.line.position]), local = number(slopeOf(e));
  const a = partial(nameOf(root.q), nameOf(e.q)), b = partial(nameOf(root.q), nameOf(e.line.q));
  const c = slopeName(e);
  const product = number(G[e.line.position] * slopeOf(e));
  return [[`${a}: + ${b} · ${c} ≈ ${factor(up)} × ${factor(local)} ≈ ${product}`,
    `${partialLatex(latexName(root.q), latexName(e.q))} &\\mathrel{+}= ${texFactor(up)} \\cdot ${texFactor(local)} \\approx ${latexNumber(product)}`, upstreamOf(e)]];
}

function valueOf(target) {
  const { order, lit, read } = linesBelow(target), shown = order.slice(-MOST_LINES);
  const lines = shown.map(lineAt).flatMap(l => equation(nameOf(l.q), latexName(l.q), l.formula, number(value(l.q))));
  if (shown.length < order.length) lines.unshift([fill(DATA.words.before, { n: counted(order.length - shown.length) }), null]);
  return { lines, lit, back: false, read };
}
function equation(name, tex, formula, shown) {
  const out = [[`${name} = ${joined(symbolic(formula))}`, `${tex} &= ${latex(formula, latexName)}`]];
  const digits = digitsNeeded(formula, shown);
  if (digits !== null) out.push(["= " + joined(spelled(formula, shown)), "&= " + latexFigures(formula, digits)]);
  out.push([`= ${shown}`, `&= ${latexNumber(shown)}`]);
  return out;
}
function derive(q) {
  const [name, tex, , source] = entry(q), [kind, a, b] = source;
  const left = (text, d) => ({ title: text, ...d });
  if (kind === "g") {
    const target = DATA.names[a] || [name, tex];
    const d = gradientOf(a, target[0], target[1]);
    return left(d.left, d);
  }
  if (kind === "v") {
    const d = valueOf(a);
    if (!d.lines.length) d.lines = [[`${name} = ${exact(V[a])}`, `${tex} &= ${latexNumber(exact(V[a]))}`]];
    return left(name, d);
  }
  if (kind === "s") {
    const line = lineAt(a), lit = new Set([a]);
    below(line).forEach(e => lit.add(e.to));
    const formula = DATA.slopes[a + "," + c3(source)], shown = short(value(q));
    const lines = equation(name, slopeLatex({ line, q: b, to: entry(b)[3][1] }), formula ?? plain(0), shown);
    const now = formula === undefined ? NaN : compute(formula, value);
    return left(name, { lines: Math.abs(now - value(q)) <= 1e-12 * Math.abs(now) ? lines : lines.slice(-1), lit, back: false, read: [] });
  }
  const of = kind === "n" || kind === "a" ? DATA.rules_of[a] : null;
  if (of) {
    const lines = of.flatMap(([lhs, lhsTex, e, r]) => equation(lhs, lhsTex, e, number(value(r))));
    const chain = gradientOf(a, ...DATA.names[a]);
    return left(name, { ...chain, lines: [...chain.lines, ...lines] });
  }
  if (kind === "e") return left(name, { lines: equation(name || "=", tex || "", a, number(value(q))), lit: new Set(), back: false, read: [] });
  return left(name, { lines: [[`${name} = ${number(value(q))}`, `${tex} &= ${latexNumber(number(value(q)))}`]], lit: new Set(), back: false, read: [] });
}
const c3 = source => source[2];
const asText = d => d.lines.map(([text]) => text).join("\n");
const asLatex = d => "\\begin{aligned}\n" + d.lines.map(([text, tex]) => tex === null ? `& \\text{${texEscape(text)}}` : tex).join(" \\\\\n") + "\n\\end{aligned}";
const asMarkdown = d => `**${d.title}**\n\n$$\n${asLatex(d)}\n$$\n`;
const texEscape = text => text.replace(/[\\{}$&#%_^~]/g, c => ({ "\\": "\\textbackslash{}", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}" })[c] || "\\" + c).replace(/←/g, "$\\leftarrow$");
