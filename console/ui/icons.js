/** The console's own icons, 16 × 16, in the colour of the text. An icon is always beside a word, never in place of one. */
import { html } from "./html.js";

/** The lines of each icon, as one SVG path. */
const paths = {
  overview: "M2.5 9.5 5.5 6l2.5 3 5.5-6M2.5 13.5h11",
  batches: "M2.5 3.5h11v3h-11zM2.5 9.5h11v3h-11z",
  clients: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5c.4-2.6 2.3-4 5-4s4.6 1.4 5 4",
  datasets:
    "M2.5 4c0-1 2.5-1.5 5.5-1.500s5.5.5 5.5 1.500v8c0 1-2.5 1.5-5.5 1.500S2.5 13 2.5 12zM2.5 8c0 1 2.5 1.5 5.5 1.500s5.5-.5 5.5-1.500M2.5 4c0 1 2.5 1.5 5.5 1.500s5.5-.5 5.5-1.5",
  deliveries: "M2 8h9M8 4.5 11.5 8 8 11.500M14 3v10",
  nodes: "M2.5 2.500h11v4.500h-11zM2.5 9h11v4.500h-11zM5 4.800h.01M5 11.300h.01",
  audit: "M4 2.500h8v11H4zM6 5.500h4M6 8h4M6 10.500h2",
  operators: "M8 2.5 13 4v4c0 3-2 4.8-5 5.800C5 12.8 3 11 3 8V4zM6 8l1.5 1.500L10.3 6.5",
  system:
    "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 2v2M8 12v2M2 8h2M12 8h2M3.8 3.800l1.4 1.400M10.8 10.800l1.4 1.400M12.2 3.800l-1.4 1.400M5.2 10.800l-1.4 1.4",
  home: "M2.5 7.5 8 3l5.5 4.500M4 6.500v7h8v-7M6.8 13.500v-3.500h2.400v3.5",
  upload: "M8 10.500v-8M4.8 5.5 8 2.500l3.2 3M2.5 10v3.500h11V10",
  download: "M8 2.500v8M4.8 7.5 8 10.500l3.2-3M2.5 10v3.500h11V10",
  code: "M5.5 4.5 2 8l3.5 3.500M10.5 4.5 14 8l-3.5 3.5",
  search: "M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14",
  copy: "M5.5 5.500h8v8h-8zM3.5 10.500h-1v-8h8v1",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  warning: "M8 2.5 14.3 13.500H1.700zM8 6.500v3.500M8 11.800h.01",
  error: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.500M8 10.800h.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.500V11M8 5.200h.01",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.800V8l2.2 1.5",
  pause: "M5.5 3.500v9M10.5 3.500v9",
  play: "M5 3.500v9l7.5-4.500z",
  stop: "M4 4h8v8H4z",
  undo: "M3 6.500h6.500a3.5 3.5 0 0 1 0 7H6M5.5 3.500l-3 3 3 3",
  retry: "M13 8a5 5 0 1 1-1.5-3.600M13.5 2.500v3h-3",
  chevron: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  filter: "M2.5 3.500h11L9.5 8.500v4l-3 1v-5z",
  dots: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  link: "M6.5 9.500l3-3M7 4.500l1.5-1.500a3 3 0 0 1 4.3 4.300L11.3 8.800M9 11.5 7.5 13a3 3 0 0 1-4.3-4.300l1.5-1.5",
  sun: "M8 10.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.800v1.400M8 12.800v1.400M1.8 8h1.400M12.8 8h1.400M3.6 3.600l1 1M11.4 11.400l1 1M12.4 3.600l-1 1M4.6 11.400l-1 1",
  moon: "M12.8 9.600A5.3 5.3 0 0 1 6.4 3.200a5.3 5.3 0 1 0 6.4 6.400z",
  system_theme: "M2.5 3h11v7.500h-11zM6 13.500h4M8 10.500v3",
  keyboard: "M1.8 4.500h12.400v7.500H1.800zM4 7h.01M6.6 7h.01M9.3 7h.01M12 7h.01M5 9.700h6",
  user: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.500c.4-2.6 2.3-4 5-4s4.6 1.4 5 4",
  logout: "M6.5 2.500h-4v11h4M6 8h8M11 5l3 3-3 3",
  key: "M5.5 12.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM7.7 7.3 13.5 2.500M11 4.500l1.8 1.8",
  star: "M8 2.300l1.7 3.6 3.9.5-2.9 2.7.8 3.900L8 11.1 4.5 13l.8-3.9-2.9-2.7 3.9-.5z",
  lock: "M3.5 7.500h9v6h-9zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5",
  half: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v6M5 8h6",
};

/** @typedef {keyof typeof paths} IconName */

/** @param {{ name: IconName | string }} props */
export function Icon({ name }) {
  const path = paths[/** @type {IconName} */ (name)] ?? paths.info;
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"><path d=${path} /></svg>`;
}
