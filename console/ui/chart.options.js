/** How uPlot draws a chart: in the colours and the font of the page, with readable numbers and times. */
import { isUtc } from "../state/settings.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values one for each of `times`
 * @property {"good" | "warn" | "bad" | "busy" | "wait" | "calm"} tone
 */

/**
 * What uPlot draws, and how: colours, axes, and what the mouse does.
 * @param {any} wanted `zoom` is a reference: its function may change between two drawings
 */
export function optionsOf({ place, series, isStacked, isPartial, format, height, zoom, onPoint }) {
  const colour = colours(place);
  const line = colour("--line");
  const quiet = colour("--quiet");
  const axis = {
    stroke: quiet,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, size: 4 },
    font: fontOf(place),
  };
  return {
    width: place.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: Boolean(zoom.current), y: false, setScale: false }, points: { size: 6 } },
    scales: {
      y: {
        range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ max) => [
          0,
          max > 0 ? max * 1.1 : 1,
        ],
      },
    },
    axes: [
      { ...axis, grid: { show: false }, values: timesOf },
      { ...axis, size: 56, values: valuesOf(format) },
    ],
    hooks: {
      setCursor: [(/** @type {any} */ { cursor }) => onPoint(cursor.left < 0 ? null : (cursor.idx ?? null))],
      setSelect: [
        (/** @type {any} */ plot) => {
          const { left, width } = plot.select;
          if (width < 8 || !zoom.current) return;
          zoom.current(plot.posToVal(left, "x") * 1_000, plot.posToVal(left + width, "x") * 1_000);
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
      draw: isPartial ? [(/** @type {any} */ plot) => markLast(plot, colour("--card"), quiet)] : [],
    },
    series: [
      {},
      ...series.map((/** @type {Series} */ { tone }) => ({
        stroke: colour(`--${tone}`),
        width: 1.5,
        fill: isStacked ? colour(`--${tone}-area`) : undefined,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

/**
 * The numbers beside the chart. They have as many decimals as their distance needs, because two ticks must not read the same.
 * @param {(value: number) => string} format
 */
const valuesOf =
  (format) =>
  (
    /** @type {any} */ _plot,
    /** @type {number[]} */ ticks,
    /** @type {number} */ _axis,
    /** @type {number} */ _space,
    /** @type {number} */ step,
  ) => {
    if (step >= 1) return ticks.map(format);
    const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: Math.ceil(-Math.log10(step)) });
    return ticks.map((tick) => fine.format(tick));
  };

const DAY_S = 86_400;

/**
 * The times below the chart, as fine as their distance.
 * @param {any} _plot @param {number[]} ticks seconds @param {number} _axis @param {number} _space @param {number} step seconds
 */
function timesOf(_plot, ticks, _axis, _space, step) {
  const parts =
    step >= DAY_S
      ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}), hourCycle: "h23" };
  const format = new Intl.DateTimeFormat(undefined, {
    .../** @type {any} */ (parts),
    ...(isUtc.peek() ? { timeZone: "UTC" } : {}),
  });
  return ticks.map((tick) => format.format(tick * 1_000));
}

/**
 * Marks the last bucket, which is not over yet: hatched, with a dashed line before it.
 * @param {any} plot
 * @param {string} ground
 * @param {string} line
 */
function markLast(plot, ground, line) {
  const times = plot.data[0];
  if (times.length < 2) return;
  const { ctx, bbox } = plot;
  const from = plot.valToPos(times.at(-2), "x", true);
  ctx.save();
  ctx.globalAlpha = 0.55;
  ctx.fillStyle = ground;
  ctx.fillRect(from, bbox.top, bbox.left + bbox.width - from, bbox.height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = line;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(from, bbox.top);
  ctx.lineTo(from, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** Answers the present theme's colour of a token. @param {HTMLElement} place */
function colours(place) {
  const probe = document.createElement("span");
  place.append(probe);
  const known = new Map(
    [
      "--line",
      "--quiet",
      "--card",
      ...["good", "warn", "bad", "busy", "wait", "calm"].flatMap((tone) => [`--${tone}`, `--${tone}-area`]),
    ].map((name) => {
      probe.style.color = `var(${name})`;
      return /** @type {const} */ ([name, getComputedStyle(probe).color]);
    }),
  );
  probe.remove();
  return (/** @type {string} */ name) => known.get(name) ?? "gray";
}

/** @param {HTMLElement} place */
const fontOf = (place) => `11px ${getComputedStyle(place).fontFamily}`;
