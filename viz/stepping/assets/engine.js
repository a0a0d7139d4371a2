// The recorded program, run again: values forward, gradients backward, the optimiser's rule.
const TAPE = DATA.tape, COUNT = TAPE.length, ROOT = COUNT - 1;
const leafValues = TAPE.map(node => Array.isArray(node) ? null : plain(node));
const rates = DATA.rates.map(plain);
let V = [], G = [], U = {}, cache = [];

const ROWS_OF = DATA.ops.map(op => [F[op], D[op]]);
function run() {
  V = new Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const node = TAPE[i];
    if (!Array.isArray(node)) { V[i] = leafValues[i]; continue; }
    const f = ROWS_OF[node[0]][0], [a, b, c] = node[1];
    V[i] = b === undefined ? f(V[a], node[2]) : c === undefined ? f(V[a], V[b], node[2]) : f(V[a], V[b], V[c], node[2]);
  }
  G = new Array(COUNT).fill(null);
  G[ROOT] = 1;
  for (let i = ROOT; i >= 0; i--) {
    const node = TAPE[i];
    if (G[i] === null || !Array.isArray(node)) continue;
    const d = ROWS_OF[node[0]][1], from = node[1], [a, b, c] = from;
    const shares = b === undefined ? d(G[i], V[i], V[a], node[2]) : c === undefined ? d(G[i], V[i], V[a], V[b], node[2])
      : d(G[i], V[i], V[a], V[b], V[c], node[2]);
    for (let k = 0; k < from.length; k++) { const j = from[k]; G[j] = (G[j] === null ? 0 : G[j]) + shares[k]; }
  }
  U = {};
  for (const [position, [rule, rate, before]] of Object.entries(DATA.updates))
    U[position] = rule === null ? null : step(DATA.rules[rule], Number(position), rates[rate], before);
  cache = [];
}

function step(rule, position, rate, before) {
  const known = { p: V[position], g: G[position] === null ? 0 : G[position], lr: rate };
  for (const name in before) known["state." + name] = plain(before[name]);
  const made = [];
  const of = x => Array.isArray(x) ? (typeof x[0] === "number" ? made[x[0]] : known[x[0]]) : plain(x);
  for (const [row, ...inputs] of rule.code) made.push(F[row](...inputs.map(of)));
  const after = {};
  for (const name in rule.after) after[name] = of(rule.after[name]);
  return { new: known.p - rate * of(rule.direction), after };
}

// A quantity's number, by where it is from.
function value(q) {
  if (cache[q] === undefined) cache[q] = sourced(entry(q)[3]);
  return cache[q];
}
function sourced(source) {
  const [kind, a, b, otherwise] = source;
  switch (kind) {
    case "v": return V[a];
    case "g": return G[a];
    case "k": return plain(a);
    case "sum": return source.slice(1).reduce((total, i) => total + V[i], 0);
    case "e": return compute(a, value);
    case "s": return slope(lineAt(a).formula, b);
    case "d": return localDerivative(a, b);
    case "lr": return rates[a];
    case "n": return U[a] ? U[a].new : null;
    case "b": return plain(DATA.updates[a]?.[2][b] ?? otherwise);
    case "a": return U[a] ? U[a].after[b] : null;
  }
  return null;
}
// That of an operation by one of its inputs, however often it reads it.
function localDerivative(i, j) {
  const [op, inputs, k] = TAPE[i], shares = ROWS_OF[op][1](1, V[i], ...inputs.map(x => V[x]), k);
  return inputs.reduce((total, x, n) => x === j ? total + shares[n] : total, 0);
}
const isQuantity = e => e !== null && typeof e === "object" && !Array.isArray(e);
function compute(e, of) {
  if (isQuantity(e)) return of(e.q);
  if (!Array.isArray(e)) return plain(e);
  const row = DATA.rows[e[0]];
  return F[row.f](...e.slice(1).map(x => compute(x, of)), plain(row.k));
}
// The derivative of a formula by one of its quantities: the rows' own, one after the other.
function slope(formula, by) {
  const depends = e => isQuantity(e) ? e.q === by : Array.isArray(e) && e.slice(1).some(depends);
  const gained = (e, up) => {
    if (isQuantity(e)) return up;
    const row = DATA.rows[e[0]], inputs = e.slice(1).map(x => compute(x, value));
    const shares = D[row.f](up, F[row.f](...inputs, plain(row.k)), ...inputs, plain(row.k));
    let total = 0;
    e.slice(1).forEach((x, k) => { if (depends(x)) total += gained(x, shares[k]); });
    return total;
  };
  return depends(formula) ? gained(formula, 1) : 0;
}
