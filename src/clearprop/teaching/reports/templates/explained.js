"use strict";
// Every <g class="cp-part"> has a <title>: its name in the first line, its numbers in the others.
// Here the title becomes a panel, and the parts can be reached by keyboard: one stop of Tab for a
// picture, arrow keys inside it.
{
  const panel = document.getElementById("panel");
  let shown = null;

  const show = part => {
    if (part === shown) return;
    if (shown) shown.classList.remove("cp-shown");
    shown = part;
    panel.replaceChildren();
    if (!part) return;
    part.classList.add("cp-shown");
    part.dataset.says.split("\n").forEach((line, k) => {
      const element = document.createElement(k ? "span" : "b");
      element.textContent = line;
      panel.append(element);
    });
  };

  const middle = part => {
    const {left, right, top, bottom} = part.getBoundingClientRect();
    return [(left + right) / 2, (top + bottom) / 2];
  };

  // The nearest part in the direction of the key; what lies off the direction counts double.
  const neighbour = (parts, from, [dx, dy]) => {
    const [x0, y0] = middle(from);
    let best = null, least = Infinity;
    for (const part of parts) {
      const [x, y] = middle(part);
      const along = (x - x0) * dx + (y - y0) * dy, off = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
      if (part !== from && along > 1 && along + 2 * off < least) [best, least] = [part, along + 2 * off];
    }
    return best;
  };

  const ways = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};

  for (const svg of document.querySelectorAll(".picture svg")) {
    const parts = [...svg.querySelectorAll(".cp-part")];
    if (!parts.length) continue;
    const frame = svg.parentElement;
    svg.setAttribute("role", "group");
    svg.removeAttribute("aria-labelledby");
    svg.setAttribute("aria-label", frame.dataset.parts.replace("#", parts.length));
    // The picture's parts are its stop of Tab now, and moving among them scrolls it.
    for (const name of ["tabindex", "role", "aria-label"]) frame.removeAttribute(name);
    parts.forEach((part, k) => {
      const title = part.querySelector("title");
      part.dataset.says = title.textContent;
      title.remove();
      part.setAttribute("role", "img");
      part.setAttribute("aria-label", part.dataset.says.split("\n")[0]);
      part.setAttribute("tabindex", k ? -1 : 0);
    });
    const go = part => {
      for (const one of parts) one.setAttribute("tabindex", one === part ? 0 : -1);
      part.focus();
      part.scrollIntoView({block: "nearest", inline: "nearest"});
    };
    // Not on the SVG itself: browsers make one that listens to focus a stop of its own.
    frame.addEventListener("pointerover", event => show(event.target.closest(".cp-part") || focused()));
    frame.addEventListener("pointerleave", () => show(focused()));
    frame.addEventListener("click", event => {
      const part = event.target.closest(".cp-part");
      if (part) go(part);
    });
    frame.addEventListener("focusin", event => show(event.target.closest(".cp-part")));
    frame.addEventListener("focusout", () => show(null));
    frame.addEventListener("keydown", event => {
      const part = event.target.closest(".cp-part");
      if (!part || event.altKey || event.ctrlKey || event.metaKey) return;
      let next = null;
      if (event.key in ways) next = neighbour(parts, part, ways[event.key]);
      else if (event.key === "Home") next = parts[0];
      else if (event.key === "End") next = parts[parts.length - 1];
      else if (event.key === "Escape") { show(null); return; }
      else return;
      event.preventDefault();
      if (next) go(next);
    });
  }

  function focused() {
    const part = document.activeElement;
    return part && part.closest(".cp-part");
  }
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;
}
