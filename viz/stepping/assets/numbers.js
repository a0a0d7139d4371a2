// Numbers as the tables and pictures print them: the same digits as `micrograd.text`.
const LEAST = DATA.digits, MISSING = "–", MOST_TRIED = 18;
const plain = x => typeof x === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] : x;
const isinf = x => x === Infinity || x === -Infinity;
const word = x => x !== x ? "nan" : x > 0 ? "inf" : "-inf";

// Rounds half-way cases to even, as Python does; JavaScript rounds them up.
function rounded(x, digits, write) {
  const text = write(x, digits), more = write(x, Math.min(digits + 25, 100));
  const [mantissa, power = ""] = more.split("e");
  const cut = mantissa.length - (Math.min(digits + 25, 100) - digits);
  if (!/^50*$/.test(mantissa.slice(cut))) return text;
  const kept = mantissa.slice(0, cut).replace(/\.$/, "");
  return Number(kept.slice(-1)) % 2 ? text : kept + (power && "e" + power);
}
const fixed = (x, d) => rounded(x, d, (y, n) => y.toFixed(n));
function scientific(x, d) {
  const [mantissa, power] = rounded(x, d, (y, n) => y.toExponential(n)).split("e");
  return mantissa + "e" + power[0] + power.slice(1).padStart(2, "0");
}
function number(x, digits = LEAST) {
  if (x === null || x === undefined) return MISSING;
  if (!isFinite(x)) return word(x);
  const size = Math.abs(x);
  if (x !== 0 && !(0.5 * 10 ** -digits <= size && size < 1e7)) return scientific(x, digits);
  return fixed(x + 0, digits);
}
function short(x, digits = LEAST) {
  const whole = Number.isInteger(x) && Math.abs(x) < 1e7;
  return whole ? fixed(x + 0, 0) : number(x, digits);
}
function exact(x) {
  x += 0;
  if (!isFinite(x)) return word(x);
  const six = general(x);
  return Number(six) === x ? six : full(x);
}
const padded = text => text.replace(/e([+-])(\d)$/, "e$10$2");
function general(x) {
  if (x === 0) return "0";
  const power = Number(x.toExponential(5).split("e")[1]);
  const strip = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (power >= -4 && power < 6) return strip(x.toFixed(Math.max(0, 5 - power)));
  const [mantissa, exponent] = x.toExponential(5).split("e");
  return padded(strip(mantissa) + "e" + exponent);
}
function full(x) {
  const [mantissa, power] = x.toExponential().split("e");
  if (power >= -4 && power < 16) {
    const digits = mantissa.replace(/[-.]/g, "").length;
    const text = x.toFixed(Math.max(0, digits - 1 - power));
    return text.includes(".") ? text : text + ".0";
  }
  return padded(mantissa + "e" + power);
}
function figure(x, digits, least) {
  const all = exact(x);
  if (isFinite(x) && !all.includes("e") && (all.split(".")[1] || "").length <= least) return all;
  for (let d = least; d < digits; d++) if (Number(number(x, d)) === x) return number(x, d);
  return number(x, digits);
}
const read = text => text in { nan: 1, inf: 1, "-inf": 1 } ? plain(text) : Number(text);
function agrees(x, result, tie) {
  const shown = read(result);
  if (!isFinite(x) || !isFinite(shown)) return Object.is(x, shown);
  const [mantissa, power = "0"] = result.split("e");
  const unit = 10 ** (Number(power) - (mantissa.split(".")[1] || "").length);
  return Math.abs(x - shown) <= unit * (0.5 + (tie ? 1e-9 : -1e-6));
}

// What C's library has and JavaScript has not, or has otherwise.
const pow = (a, b) => a === 1 || (a === -1 && isinf(b)) ? 1 : Math.pow(a, b);
const copysign = (a, b) => Math.abs(a) * (b < 0 || Object.is(b, -0) ? -1 : 1);
const fmod = (a, b) => a % b;
const exp2 = x => 2 ** x;
function erf(x) {
  const z = Math.abs(x);
  if (!(z < 6)) return z >= 6 ? Math.sign(x) : x;
  let term = z, sum = z;
  for (let n = 1; term > sum * 1e-18; n++) sum += term *= 2 * z * z / (2 * n + 1);
  return Math.sign(x) * Math.min(1, 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum);
}
