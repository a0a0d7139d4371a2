// Numbers that can be changed.
const parsed = text => {
  const word = text.trim().replace("−", "-").toLowerCase();
  if (word in { nan: 1, inf: 1, "-inf": 1 }) return plain(word);
  return word === "" ? NaN : Number(word);
};
const valid = text => /^\s*([-−+]?(inf|nan|\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?))\s*$/i.test(text);
function field(label, get, set) {
  const start = get(), input = make("input", "", { type: "text", inputmode: "decimal", value: exact(start), autocomplete: "off" });
  input.addEventListener("change", () => {
    const good = valid(input.value);
    input.setAttribute("aria-invalid", String(!good));
    $("wrong").textContent = good ? "" : fill(W.wrong, { text: input.value });
    if (!good) return;
    set(parsed(input.value));
    recompute();
  });
  const box = make("label", label + " ");
  box.append(input);
  return { box, input, reset() { set(start); input.value = exact(start); input.setAttribute("aria-invalid", "false"); } };
}
const fields = [];
function inputs() {
  for (const [title, leaves] of DATA.edit) {
    const group = make("fieldset");
    group.append(make("legend", title));
    for (const [position, name] of leaves) {
      const made = position < 0
        ? field(name, () => rates[-1 - position], x => { rates[-1 - position] = x; })
        : field(name, () => leafValues[position], x => { leafValues[position] = x; });
      made.position = position;
      fields.push(made);
      group.append(made.box);
    }
    $("fields").append(group);
  }
}
const decisions = () => TAPE.map((node, i) => Array.isArray(node) && DATA.decides.includes(DATA.ops[node[0]]) ? V[i] : 0).join();
let recorded = "";
function recompute() {
  run();
  rewrite();
  const other = DATA.decided && decisions() !== recorded;
  $("notice").textContent = [other ? W.branch : "", DATA.frozen && edited() ? W.frozen : ""].join(" ").trim();
  show(now, false);
  if (chosen !== null) choose(chosen);
}
const edited = () => fields.some(f => f.input.value !== f.input.defaultValue);
