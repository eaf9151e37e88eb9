/**
 * Explains each code of a refusal, of a rejected record and of a failed batch. The texts are those of the running version's
 * `docs/errors.md`.
 */
import { useEffect, useState } from "preact/hooks";
import { asProblem } from "../api/problem.js";
import { setQuery } from "../state/router.js";
import { Empty, Loading } from "../ui/empty.js";
import { ErrorBox } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Page, Section } from "../ui/page.js";

/** @import { PageProps } from "../types.d.ts" */
/** @import { ApiProblem } from "../api/problem.js" */

/**
 * @typedef {object} Part a heading of the document with its table
 * @property {string} title
 * @property {string[]} head
 * @property {string[][]} rows
 */

/** @param {PageProps} props */
export default function Errors({ query }) {
  const [parts, setParts] = useState(/** @type {Part[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {ApiProblem | null} */ (null));
  useEffect(() => {
    read().then(setParts, (error) => setProblem(asProblem(error)));
  }, []);
  const wanted = (query.code ?? "").toLowerCase();
  // A link from a refusal names one whole code. A person who types looks for all codes that contain the text.
  const exact = matching(parts ?? [], (codes) => codes.includes(`\`${wanted}\``));
  const shown = exact.length > 0 ? exact : matching(parts ?? [], (codes) => codes.includes(wanted));
  const type = (/** @type {Event} */ event) => setQuery({ code: fieldOf(event).value.trim() }, { replace: true });
  return html`<${Page} title="Codes of errors" lead="Every refusal, every rejected record and every failed batch has a code, which never changes.">
    <label class="field code-search"><span>Code</span><input type="search" value=${query.code ?? ""} onInput=${type} /></label>
    <${ErrorBox} problem=${problem} title="The document could not be read." />
    ${!parts && !problem && html`<${Loading} lines=${8} />`}
    ${parts && shown.length === 0 && html`<${Empty} title="No code is called that." icon="search"><p>A handler of yours may have codes of its own.</p></${Empty}>`}
    ${shown.map(({ title, head, rows }) => html`<${Section} key=${title} title=${title}><${Codes} title=${title} head=${head} rows=${rows} /></${Section}>`)}
  </${Page}>`;
}

/** @param {Part[]} parts @param {(codes: string) => boolean} isWanted @returns {Part[]} */
const matching = (parts, isWanted) =>
  parts
    .map((part) => ({ ...part, rows: part.rows.filter(([codes = ""]) => isWanted(codes.toLowerCase())) }))
    .filter(({ rows }) => rows.length > 0);

/** @param {Part} props */
function Codes({ title, head, rows }) {
  return html`<div class="table-box"><div class="table-scroll" role="group" aria-label=${title} tabindex="0"><table class="text cards">
    <caption class="offscreen">${title}</caption>
    <thead><tr>${head.map((cell) => html`<th key=${cell} scope="col">${cell}</th>`)}</tr></thead>
    <tbody>${rows.map((cells) => html`<tr key=${cells[0]}>${cells.map((cell, index) => html`<td key=${index} data-title=${head[index] ?? ""}>${marked(cell)}</td>`)}</tr>`)}</tbody>
  </table></div></div>`;
}

/** Reads the document from beside this module's folder, so that it has the same version as the page. */
async function read() {
  const response = await fetch(new URL("../errors.md", import.meta.url));
  if (!response.ok) throw new Error(`The answer was ${response.status}.`);
  return partsOf(await response.text());
}

/** @param {string} text @returns {Part[]} */
function partsOf(text) {
  return text.split(/^## /m).flatMap((section) => {
    const [title = "", ...lines] = section.split("\n");
    const [head, , ...rows] = lines.filter((line) => line.startsWith("| ")).map(cellsOf);
    return head?.[0] === "code" ? [{ title, head, rows }] : [];
  });
}

/** @param {string} line */
const cellsOf = (line) =>
  line
    .slice(1, line.lastIndexOf("|"))
    .split("|")
    .map((cell) => cell.trim());

/** Shows the Markdown that these tables use: code, and links, of which only the text is shown. @param {string} text */
function marked(text) {
  const words = text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return words.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}
