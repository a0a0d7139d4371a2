// The recorded program, run again: values forward, gradients backward, the optimiser's rule.
const TAPE = DATA.tape, COUNT = TAPE.length, ROOT = COUNT - 1;
const leafValues = TAPE.map(node => Array.isArray(node) ? null : plain(node));
const rates = DATA.rates.map(plain);
let V = [], G = [], U = {}, cache = [];

function run() {
  V = new Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const node = TAPE[i];
    V[i] = Array.isArray(node) ? F[DATA.ops[node[0]]](...node[1].map(j => V[j]), node[2])
      : leafValues[i];
  }
  G = new Array(COUNT).fill(null);
  G[ROOT] = 1;
  for (let i = ROOT; i >= 0; i--) {
    const node = TAPE[i];
    if (!Array.isArray(node) || G[i] === null) continue;
    const shares = D[DATA.ops[node[0]]](G[i], V[i], ...node[1].map(j => V[j]), node[2]);
    node[1].forEach((j, k) => { G[j] = (G[j] === null ? 0 : G[j]) + shares[k]; });
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
  const [kind, a, b] = source;
  switch (kind) {
    case "v": return V[a];
    case "g": return G[a];
    case "k": return plain(a);
    case "sum": return source.slice(1).reduce((total, i) => total + V[i], 0);
    case "e": return compute(a, value);
    case "s": return slope(lineAt(a).formula, b);
    case "lr": return rates[a];
    case "n": return U[a] ? U[a].new : null;
    case "a": return U[a] ? U[a].after[b] : null;
  }
  return null;
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
