/** The page's own words, in the language that the session speaks. */

let table = {};

export function learn(words) {
  table = words;
}

/** The words of `key` with its fields filled in. A key without words shows itself, which tests see. */
export function word(key, fields = {}) {
  const sentence = table[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);
}

/** Writes the words of everything that stands in the page from its start. */
export function relabel(root = document) {
  for (const element of root.querySelectorAll("[data-word]"))
    element.textContent = word(element.dataset.word);
  for (const element of root.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", word(element.dataset.label));
  for (const element of root.querySelectorAll("[data-tip]")) element.title = word(element.dataset.tip);
  for (const element of root.querySelectorAll("[data-hint]"))
    element.placeholder = word(element.dataset.hint);
}
