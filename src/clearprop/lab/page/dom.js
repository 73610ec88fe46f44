/** Elements made from data. Nothing that a message says is ever read as HTML. */

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element with its attributes (`onclick: function` listens) and children. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

const MATHML = "http://www.w3.org/1998/Math/MathML";
const KEPT = new Set(["display", "mathvariant", "stretchy", "fence", "separator", "lspace", "rspace",
  "columnalign", "rowspacing", "columnspacing", "linethickness", "accent", "movablelimits"]);

function mathCopy(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || node.namespaceURI !== MATHML) return null;
  const copy = document.createElementNS(MATHML, node.localName);
  for (const { name, value } of node.attributes) if (KEPT.has(name)) copy.setAttribute(name, value);
  for (const child of node.childNodes) {
    const inner = mathCopy(child);
    if (inner) copy.append(inner);
  }
  return copy;
}

/** An equation: MathML is copied element by element, anything else stands as text. */
export function equation(source) {
  if (!source.startsWith("<math")) return h("span", { class: "equation" }, source);
  const parsed = new DOMParser().parseFromString(source, "application/xml").documentElement;
  return h("span", { class: "equation" }, mathCopy(parsed) ?? source);
}

/** The colours of this moment's theme by role, for what is drawn on a canvas. */
export function colours(roles) {
  const probe = h("i", { hidden: true });
  document.body.append(probe);
  const found = Object.fromEntries(roles.map((role) => {
    probe.style.color = `var(--cp-${role})`;
    return [role, getComputedStyle(probe).color];
  }));
  probe.remove();
  return found;
}

// How large canvases are, so that drawing one asks for no layout.
const sizes = new WeakMap();
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) sizes.delete(target);
});

/** A canvas made as large as its box in pixels of the screen; the box in pixels of the page. Of one
 * whose box has just changed, `resized` is true. */
export function prepared(canvas, resized = false) {
  if (resized || !sizes.has(canvas)) {
    const { width, height } = canvas.getBoundingClientRect();
    sizes.set(canvas, { width, height });
    watcher.observe(canvas);
  }
  const { width, height } = sizes.get(canvas);
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(width * ratio), high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
