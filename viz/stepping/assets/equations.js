// Equations with names, and with numbers of as many digits as their result needs.
const LOOSE = 0, ATOM = 4;
const nameOf = q => entry(q)[0], isExact = q => entry(q)[2] === 1;
const binding = text => text.startsWith("-") ? LOOSE : ATOM;

function written(e, need, shown) {
  let pieces, binds;
  if (isQuantity(e)) {
    const [text, tight] = shown(e.q);
    pieces = [[text, e.q]];
    binds = tight;
  } else if (Array.isArray(e)) {
    const row = DATA.rows[e[0]];
    pieces = row.t.flatMap(p => typeof p === "number" ? written(e[p + 1], row.n[p], shown) : [[p, null]]);
    binds = row.b;
  } else {
    const text = exact(plain(e));
    pieces = [[text, null]];
    binds = binding(text);
  }
  return binds >= need ? pieces : [["(", null], ...pieces, [")", null]];
}
const joined = pieces => pieces.map(([text]) => text).join("");
const figureOf = (q, digits, least) => isExact(q) ? exact(value(q)) : figure(value(q), digits, least);
function withFigures(digits, least) {
  return q => {
    const text = figureOf(q, digits, least);
    return [text, binding(text)];
  };
}
const symbolic = e => written(e, LOOSE, q => nameOf(q) ? [nameOf(q), ATOM] : withFigures(LEAST, LEAST)(q));
function digitsNeeded(e, result) {
  if (result === MISSING) return null;
  for (const tie of [false, true])
    for (let d = LEAST; d <= Math.max(LEAST, MOST_TRIED); d++)
      if (agrees(compute(e, q => read(figureOf(q, d, LEAST))), result, tie)) return d;
  return null;
}
function spelled(e, result) {
  const digits = digitsNeeded(e, result);
  return digits === null ? [] : written(e, LOOSE, withFigures(digits, LEAST));
}

// The digits that all equations of a grid need, so that they hold as they are printed.
function digitsOf(lines) {
  let digits = {}, before = "";
  const shown = (q, known) => figureOf(q, known[nameOf(q)] ?? LEAST, LEAST);
  const hold = (same, known, tie) => same.every(([e, q]) =>
    agrees(compute(e, x => read(shown(x, known))), shown(q, known), tie));
  const inside = e => isQuantity(e) ? [e.q] : Array.isArray(e) ? e.slice(1).flatMap(inside) : [];
  const raised = (same, known) => {
    const names = new Set(same.flatMap(([e]) => inside(e)).filter(q => !isExact(q)).map(nameOf));
    for (const tie of [false, true])
      for (let d = LEAST; d <= 17; d++) {
        const next = { ...known };
        for (const name of names) next[name] = Math.max(d, known[name] ?? LEAST);
        if (hold(same, next, tie)) return next;
      }
    return known;
  };
  while (JSON.stringify(digits) !== before) {
    before = JSON.stringify(digits);
    for (const same of [...lines].reverse()) digits = raised(same, digits);
  }
  return digits;
}

// LaTeX, by the templates of the op table.
function latexNumber(text) {
  const [mantissa, power] = text.split("e");
  if (power) return `${mantissa} \\times 10^{${Number(power)}}`;
  return text.replace("inf", "\\infty").replace("nan", "\\mathrm{nan}").replace(MISSING, "\\text{–}");
}
const bracketed = text => `\\left(${text}\\right)`;
function latex(e, shown, need = LOOSE) {
  let text, negative = false;
  if (Array.isArray(e)) {
    const row = DATA.rows[e[0]];
    text = row.l.map((p, i) => {
      if (typeof p !== "number") return p;
      const grouped = String(row.l[i - 1] ?? "").endsWith("{") && /^\}(?!\^)/.test(row.l[i + 1] ?? "");
      return latex(e[p + 1], shown, grouped ? LOOSE : row.n[p]);
    }).join("");
    return row.b >= need ? text : bracketed(text);
  }
  if (isQuantity(e)) {
    const name = shown(e.q);
    if (name !== null) return name;
    text = exact(value(e.q));
  } else text = exact(plain(e));
  negative = text.startsWith("-");
  return negative && need > LOOSE ? bracketed(latexNumber(text)) : latexNumber(text);
}
const latexName = q => entry(q)[1] || null;
function latexFigures(e, digits) {
  const shown = (x, need) => {
    if (!isQuantity(x)) return null;
    const text = figureOf(x.q, digits, LEAST);
    return text.startsWith("-") && need > LOOSE ? bracketed(latexNumber(text)) : latexNumber(text);
  };
  const walk = (x, need) => {
    if (isQuantity(x)) return shown(x, need);
    if (!Array.isArray(x)) return latex(x, latexName, need);
    const row = DATA.rows[x[0]];
    const text = row.l.map((p, i) => {
      if (typeof p !== "number") return p;
      const grouped = String(row.l[i - 1] ?? "").endsWith("{") && /^\}(?!\^)/.test(row.l[i + 1] ?? "");
      return walk(x[p + 1], grouped ? LOOSE : row.n[p]);
    }).join("");
    return row.b >= need ? text : bracketed(text);
  };
  return walk(e, LOOSE);
}
