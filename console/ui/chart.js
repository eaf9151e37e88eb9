/**
 * A chart over time by uPlot, which is loaded with the first one, and the same as a table. The bucket that is not over yet is drawn with
 * dashes.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { isUtc, theme } from "../state/settings.js";
import { Loading } from "./empty.js";
import { html } from "./html.js";
import { compact } from "./numbers.js";
import { exact } from "./time.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values one for each of `times`
 * @property {"good" | "warn" | "bad" | "busy" | "wait" | "calm"} tone
 */

/**
 * @param {object} props
 * @param {string} props.label what it shows, for the table and for screen readers
 * @param {number[]} props.times epoch ms
 * @param {Series[]} props.series
 * @param {boolean} [props.isStacked] areas on top of each other
 * @param {boolean} [props.isPartial] the last bucket is not over
 * @param {(value: number) => string} [props.format]
 * @param {(from: number, to: number) => void} [props.onZoom] a range that was drawn with the mouse, epoch ms
 * @param {number} [props.height]
 */
export function Chart({ label, times, series, isStacked, isPartial, format = compact, onZoom, height = 220 }) {
  const [isTable, setTable] = useState(false);
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  return html`<figure class="chart">
    <figcaption>
      <ul class="legend">${series.map(({ name, tone, values }) => html`<li key=${name} class=${tone}><span class="swatch" aria-hidden="true"></span>${name}${said(values, at, format)}</li>`)}
        ${at !== null && times[at] !== undefined && html`<li class="quiet">${exact(times[at]).slice(0, 16)}</li>`}</ul>
      <button type="button" class="link" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>${isTable ? "As a chart" : "As a table"}</button>
    </figcaption>
    ${
      isTable
        ? html`<${ChartTable} label=${label} times=${times} series=${series} format=${format} />`
        : html`<${Plot} label=${label} times=${times} series=${series} isStacked=${isStacked} isPartial=${isPartial} format=${format} onZoom=${onZoom} onPoint=${setAt} height=${height} />`
    }
  </figure>`;
}

/** The value under the mouse. @param {(number | null)[]} values @param {number | null} at @param {(value: number) => string} format */
function said(values, at, format) {
  const value = at === null ? null : (values[at] ?? null);
  return value === null ? null : html` <strong>${format(value)}</strong>`;
}

/** Newest first: that is what is asked for. @param {{ label: string, times: number[], series: Series[], format: (value: number) => string }} props */
function ChartTable({ label, times, series, format }) {
  const rows = times.map((time, index) => ({ time, index })).toReversed();
  return html`<div class="table-scroll chart-table" role="group" aria-label=${label} tabindex="0"><table>
    <caption class="offscreen">${label}</caption>
    <thead><tr><th scope="col">Time</th>${series.map(({ name }) => html`<th key=${name} scope="col" class="right">${name}</th>`)}</tr></thead>
    <tbody>${rows.map(
      ({ time, index }) => html`<tr key=${time}><th scope="row">${exact(time)}</th>
      ${series.map(({ name, values }) => {
        const value = values[index] ?? null;
        return html`<td key=${name} class="right">${value === null ? "–" : format(value)}</td>`;
      })}</tr>`,
    )}</tbody>
  </table></div>`;
}

/** Sums from the last series up: the first one lies on top, as in the legend. @param {Series[]} series */
function stacked(series) {
  /** @type {(number | null)[][]} */
  const sums = [];
  let below = /** @type {(number | null)[]} */ ([]);
  for (const { values } of series.toReversed()) {
    below = values.map((value, index) =>
      value === null && below[index] == null ? null : (value ?? 0) + (below[index] ?? 0),
    );
    sums.unshift(below);
  }
  return sums;
}

/**
 * @param {object} props
 * @param {string} props.label
 * @param {number[]} props.times
 * @param {Series[]} props.series
 * @param {boolean} [props.isStacked]
 * @param {boolean} [props.isPartial]
 * @param {(value: number) => string} props.format
 * @param {(from: number, to: number) => void} [props.onZoom]
 * @param {(index: number | null) => void} props.onPoint
 * @param {number} props.height
 */
function Plot({ label, times, series, isStacked = false, isPartial = false, format, onZoom, onPoint, height }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [library, setLibrary] = useState(/** @type {any} */ (null));
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  const names = series.map(({ name }) => name).join("\n");
  const look = `${theme.value} ${isUtc.value}`;
  useEffect(() => {
    import("uplot").then(
      ({ default: found }) => setLibrary(() => found),
      () => setLibrary(null),
    );
  }, []);
  const data = [
    times.map((/** @type {number} */ ms) => ms / 1_000),
    ...(isStacked ? stacked(series) : series.map(({ values }) => values)),
  ];
  useEffect(() => {
    const { current: place } = box;
    if (!library || !place) return;
    const draw = () => {
      plot.current?.destroy();
      const options = optionsOf({ place, series, isStacked, isPartial, format, height, zoom, onPoint });
      plot.current = new library(options, data, place);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: place.clientWidth, height }));
    resized.observe(place);
    // The canvas knows no `light-dark()`: it is drawn again.
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [library, names, isStacked, isPartial, height, look]);
  useEffect(() => {
    plot.current?.setData(data);
  });
  if (!library) return html`<${Loading} lines=${5} label=${`Loading ${label}`} />`;
  return html`<div class="plot" role="img" aria-label=${`${label}. The same is there as a table.`} ref=${box}></div>`;
}

/** @param {any} wanted */
function optionsOf({ place, series, isStacked, isPartial, format, height, zoom, onPoint }) {
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
 * The numbers beside the chart: with as many decimals as their distance needs, or two ticks would read the same.
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

/** The last bucket fills yet: hatched, with a dashed line before it. @param {any} plot @param {string} ground @param {string} line */
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

/** A token's colour as the theme has it now. @param {HTMLElement} place */
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
