/**
 * A chart over time, drawn by uPlot, and the same data as a table. uPlot is loaded with the first chart. The bucket that is not
 * over yet is drawn with dashes.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { isUtc, theme } from "../state/settings.js";
import { optionsOf } from "./chart.options.js";
import { Loading } from "./empty.js";
import { html } from "./html.js";
import { compact } from "./numbers.js";
import { exact } from "./time.js";

/** @import { Series } from "./chart.options.js" */

/**
 * @param {object} props
 * @param {string} props.label what it shows, for the table and for screen readers
 * @param {number[]} props.times epoch ms
 * @param {Series[]} props.series
 * @param {boolean} [props.isStacked] draws areas on top of each other
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

/**
 * The chart's data as a table, newest first, because readers look for the newest values.
 * @param {{ label: string, times: number[], series: Series[], format: (value: number) => string }} props
 */
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

/** Stacks the series from the last one up, so that the first one is on top, as in the legend. @param {Series[]} series */
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
    // A canvas cannot use `light-dark()`, so the chart is drawn again when the theme changes.
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
