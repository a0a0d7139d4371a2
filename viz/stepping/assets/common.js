// What both pages are written with.
const $ = id => document.getElementById("ui-" + id);
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
};
const W = DATA.words;
const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, key) => fields[key] ?? "");
// A quantity: its name, its name in LaTeX, whether all its digits are shown, where it is from.
const entry = q => DATA.q[q];
