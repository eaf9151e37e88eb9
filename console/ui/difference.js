/**
 * Shows the differences of two JSON values, as the audit and the versions of policies store them: by JSON pointer, before and
 * after.
 */
import { html } from "./html.js";

/** @param {unknown} value */
const shown = (value) => (value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value));

/** @param {string} pointer `/rate/requests` as `rate.requests` */
const named = (pointer) => pointer.slice(1).replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~");

/** @param {{ of: Record<string, unknown> }} props */
export function Difference({ of }) {
  const members = Object.entries(of).filter(([pointer]) => pointer.startsWith("/") || pointer === "");
  const { truncated } = of;
  return html`<table class="difference">
    <caption class="offscreen">What differs</caption>
    <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
    <tbody>
      ${members.map(([pointer, values]) => {
        const [before, after] = Array.isArray(values) ? values : [null, values];
        return html`<tr key=${pointer}><th scope="row">${named(pointer) || "all of it"}</th><td><del>${shown(before)}</del></td><td><ins>${shown(after)}</ins></td></tr>`;
      })}
    </tbody>
    ${typeof truncated === "number" && html`<tfoot><tr><td colspan="3" class="quiet">and ${truncated} more</td></tr></tfoot>`}
  </table>`;
}
