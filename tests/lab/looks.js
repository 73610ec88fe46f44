// What a page's labels do: every run of text that is seen, by the boxes of its lines. A label is cut
// where something that hides what sticks out of it ends before its text does; two overlap where their
// lines share more than the air above and below the glyphs.
() => {
  const seen = (element) => {
    if (element.closest("[hidden], .unseen, .skip, script, style, dialog:not([open]), option"))
      return false;
    const style = getComputedStyle(element);
    return style.visibility === "visible" && Number(style.opacity) > 0 && element.getClientRects().length > 0;
  };
  const clipping = (element) => {
    const found = [];
    for (let one = element; one && one !== document.documentElement; one = one.parentElement) {
      const { overflowX, overflowY, position } = getComputedStyle(one);
      if (overflowX !== "visible" || overflowY !== "visible") found.push([one, overflowX, overflowY]);
    }
    return found;
  };
  const labels = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement, words = node.data.trim();
    if (!words || !seen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const lines = [...range.getClientRects()].filter(({ width, height }) => width > 1 && height > 1);
    if (lines.length) labels.push({ element, words, lines, clips: clipping(element) });
  }
  // A control has a label of its own, or is one.
  for (const element of document.querySelectorAll("button, select, input:not([type=range]), textarea, .switch")) {
    if (element.tagName !== "SELECT" && element.closest("select") || !seen(element)) continue;
    labels.push({ element, words: `<${element.id || element.className || element.tagName}>`, lines: [element.getBoundingClientRect()], clips: clipping(element.parentElement) });
  }
  const cut = [], overlaps = [], name = ({ words }) => words.slice(0, 40);
  // What scrolls may be scrolled; what hides takes its text away: the part of a line that is seen.
  const shown = ({ left, right, top, bottom }, { clips }) => {
    for (const [one] of clips) {
      const room = one.getBoundingClientRect();
      left = Math.max(left, room.left);
      right = Math.min(right, room.right);
      top = Math.max(top, room.top);
      bottom = Math.min(bottom, room.bottom);
    }
    return { left, right, top, bottom, height: bottom - top, width: right - left };
  };
  for (const label of labels) {
    for (const line of label.lines) {
      // What lies within something that scrolls can be scrolled to, whatever hides it further out.
      let across = true, down = true;
      for (const [one, x, y] of label.clips) {
        const { left, right, top, bottom } = one.getBoundingClientRect();
        if (x === "auto" || x === "scroll") across = false;
        if (y === "auto" || y === "scroll") down = false;
        if (across && (line.left < left - 2 || line.right > right + 2)
            || down && (line.top < top - 4 || line.bottom > bottom + 4))
          cut.push([one.id || one.className || one.tagName, name(label)]);
      }
    }
  }
  const flat = labels.flatMap((label) => label.lines.map((line) => ({ ...label, line: shown(line, label) })))
    .filter(({ line }) => line.width > 0 && line.height > 0);
  const room = ({ element }) => element.closest("#told, dialog, footer, header, main");
  flat.forEach((one, i) => {
    for (const other of flat.slice(i + 1)) {
      if (one.element === other.element || one.element.contains(other.element) || other.element.contains(one.element)) continue;
      // A note or a bar that lies over the page is meant to.
      if (room(one) !== room(other)) continue;
      const a = one.line, b = other.line, slack = 0.25 * Math.min(a.height, b.height) + 1;
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack)
        overlaps.push([name(one), name(other)]);
    }
  });
  return { cut, overlaps, labels: labels.length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth };
}
