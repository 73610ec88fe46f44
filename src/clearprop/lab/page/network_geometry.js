/** Where neurons and edges stand on the screen: the layout of the session, fitted to the room. */

import { cellCorner, mapPlaces } from "./network_maps.js";

const EDGE_LABEL = 88; // px that "w = −0.1234" needs before a neuron
const LABEL_LINE = 21; // px between two such lines

/** The places of a network in a box of `width` × `height` pixels, `foot` of them at its bottom left free.
 *
 * columns  {…column, x, width, height, units: [{index, x, y}]} by the network's columns
 * links    {…edge, source, target, ports(i, j)}: where edge i → j leaves and arrives
 * loss     where the loss stands
 */
export function geometry(network, width, height, foot) {
  const narrow = width < 560;
  const top = 34, bottom = Math.max(36, foot), left = narrow ? 8 : 20, right = narrow ? 72 : 108;
  const count = network.columns.length;
  const xs = network.columns.map((column) => column.x);
  const first = Math.min(...xs), span = Math.max(...xs) - first || 1;
  const gap = (width - left - right) / Math.max(count - 0.35, 1);
  const card = Math.max(12, Math.min(112, gap * (narrow ? 0.7 : count > 3 ? 0.58 : 0.46)));
  const place = (x) => left + card / 2 + ((x - first) / span) * (width - left - right - card);
  const high = height - top - bottom;
  const columns = network.columns.map((column, number) => {
    const x = count === 1 ? (width - right + left) / 2 : place(column.x);
    const rows = column.strip ? 1 : column.count;
    const room = high / rows;
    const tall = column.strip ? high - 16 : Math.max(5, Math.min(66, room * 0.82));
    if (column.maps) {
      const y = top + high / 2, maps = mapPlaces(column, x, y, card, high - 22);
      return { ...column, number, x, width: maps.width, height: maps.height, room, units: [{ index: 0, x, y }], places: maps };
    }
    const wide = column.strip ? Math.min(26, card) : Math.min(card, tall < 15 ? tall : card);
    const units = Array.from({ length: rows }, (_, index) => ({ index, x, y: top + room * (index + 0.5) }));
    return { ...column, number, x, width: wide, height: tall, room, units };
  });
  const links = network.edges.map((edge) => linked(edge, columns));
  const last = columns.at(-1);
  const loss = { x: width - right / 2 + 4, y: top + high / 2, width: right - (narrow ? 12 : 20), height: Math.min(72, high) };
  return { width, height, top, columns, links, loss, last, card };
}

function linked(edge, columns) {
  const source = columns[edge.from], target = columns[edge.to];
  const dense = edge.weight !== null && edge.shape !== null;
  const fan = source.strip || !dense ? 1 : source.count;
  const portGap = Math.min(LABEL_LINE, (target.strip ? 0 : target.room * 0.92) / (fan + 1));
  const reach = target.x - target.width / 2 - (source.x + source.width / 2);
  // Names stand at the edges only where every one of a neuron's edges has a line of its own.
  const labelled = dense && !source.strip && !target.strip && portGap >= 14 && reach > EDGE_LABEL * 1.5
    && fan * target.count <= 40;
  return { ...edge, source, target, dense, labelled, fan, portGap, stub: labelled ? EDGE_LABEL : 0 };
}

/** The ends of edge i → j of a link, and where its straight part begins. */
export function ends(link, i, j) {
  const { source, target, fan, portGap, stub, dense } = link;
  const from = endOf(source, i), to = endOf(target, j);
  const order = source.strip || !dense ? 0 : i - (fan - 1) / 2;
  const spread = link.labelled ? portGap : Math.min(portGap, (target.height * 0.7) / Math.max(fan, 1));
  const x1 = from.x + source.width / 2, x2 = to.x - target.width / 2;
  return { x1, y1: from.y, x2, y2: to.y + order * spread, turn: x2 - stub };
}

const endOf = (column, index) => (column.maps || !column.strip ? column.units[Math.min(index, column.units.length - 1)] : stripPlace(column, index));

/** Where unit `index` of a column too wide for neurons stands in its strip or its maps. */
export function stripPlace(column, index) {
  if (column.places) {
    const { left, top } = cellCorner(column.places, index), half = column.places.side / 2;
    return { index, x: left + half, y: top + half };
  }
  const { x, y } = column.units[0];
  return { index, x, y: y - column.height / 2 + ((index + 0.5) / column.count) * column.height };
}

/** Adds the line of an edge to a path or a pen. */
export function trace(path, { x1, y1, x2, y2, turn }) {
  const middle = (x1 + turn) / 2;
  path.moveTo(x1, y1);
  path.bezierCurveTo(middle, y1, middle, y2, turn, y2);
  if (turn !== x2) path.lineTo(x2, y2);
}

/** A place on the edge's line, t from 0 to 1. */
export function along({ x1, y1, x2, y2, turn }, t) {
  const curved = (turn - x1) / (x2 - x1);
  if (t > curved) return { x: x1 + (x2 - x1) * t, y: y2 };
  const u = t / curved, v = 1 - u, middle = (x1 + turn) / 2;
  const a = v * v * v, b = 3 * v * v * u, c = 3 * v * u * u, d = u * u * u;
  return { x: a * x1 + (b + c) * middle + d * turn, y: (a + b) * y1 + (c + d) * y2 };
}

/** The column whose neurons a path or wire of an address means; undefined for none. */
export const columnOf = (places, path) =>
  places.columns.find((column) => column.wire === path || column.output === path);

/** The edge of an address of a weight: {link, i, j}; null where it is no edge of a dense layer. */
export function edgeOf(places, path, index) {
  const link = places.links.find((one) => one.dense && one.weight === path);
  if (!link || index.length !== 2) return null;
  const [i, j] = index;
  return i < link.shape[0] && j < link.shape[1] ? { link, i, j } : null;
}

/** The edge nearest to a point, within `reach` pixels; null for none. */
export function nearestEdge(places, x, y, reach) {
  let best = null, least = reach;
  for (const link of places.links) {
    // An edge between maps is one of many that share its weight.
    if (!link.dense || link.source.maps || link.target.maps || x < link.source.x || x > link.target.x) continue;
    for (let i = 0; i < link.shape[0]; i += 1) {
      for (let j = 0; j < link.shape[1]; j += 1) {
        const line = ends(link, i, j);
        if (x < line.x1 || x > line.x2) continue;
        const { y: there } = atX(line, x);
        const distance = Math.abs(there - y);
        if (distance < least) [best, least] = [{ link, i, j }, distance];
      }
    }
  }
  return best;
}

/** The place on an edge's line above `x`: the line only ever goes to the right. */
function atX(line, x) {
  let low = 0, high = 1;
  for (let turn = 0; turn < 12; turn += 1) {
    const middle = (low + high) / 2;
    if (along(line, middle).x < x) low = middle;
    else high = middle;
  }
  return along(line, low);
}
