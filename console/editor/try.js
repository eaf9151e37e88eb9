/** Tries sample rows, or the rejected records of a batch, with the draft. Nothing is stored. */
import { useState } from "preact/hooks";
import { call, withQuery } from "../api/client.js";
import { asProblem } from "../api/problem.js";
import { useQuery } from "../state/live.js";
import { ErrorBox } from "../ui/error-box.js";
import { fieldOf } from "../ui/fields.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { exact } from "../ui/time.js";
import { Tried } from "./tried.js";

/** @import { Editing } from "./document.js" */

const formats = ["csv", "ndjson", "json", "xlsx"];

/** The API looks at no more than this. */
const MOST_BYTES = 1024 * 1024;

/** The format that a text seems to have. @param {string} text */
export const formatOf = (text) => (/^\s*\[/.test(text) ? "json" : /^\s*\{/.test(text) ? "ndjson" : "csv");

/** The dataset within the draft. A policy also has fields about the client, which are left out. @param {Editing} editing */
function datasetIn({ kind, draft, clientFields }) {
  if (kind === "dataset") return draft;
  return Object.fromEntries(Object.entries(draft).filter(([name]) => !clientFields.includes(name)));
}

/** @param {{ editing: Editing, onClose: () => void }} props */
export function Try({ editing, onClose }) {
  const { kind, path } = editing;
  const parts = path.split("/");
  const name = kind === "dataset" ? decodeURIComponent(parts.at(-1) ?? "") : "draft";
  const client = kind === "policy" ? decodeURIComponent(parts.at(-2) ?? "") : undefined;
  const [text, setText] = useState("");
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [format, setFormat] = useState("");
  const [batch, setBatch] = useState("");
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState(/** @type {import("../api/problem.js").ApiProblem | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const rejected = useQuery("/admin/batches", {
    query: { dataset: kind === "dataset" ? name : "default", client, hasErrors: true, limit: 10 },
  });
  const batches = /** @type {{ items: any[] } | null} */ (rejected.data)?.items ?? [];

  const run = async () => {
    setBusy(true);
    setProblem(null);
    const form = new FormData();
    form.append("dataset", JSON.stringify(datasetIn(editing)));
    const wanted = format || (file ? undefined : formatOf(text));
    if (!batch)
      form.append(
        "file",
        file ? file.slice(0, file.name.endsWith(".xlsx") ? undefined : MOST_BYTES, file.type) : new Blob([text]),
        file?.name ?? `sample.${wanted}`,
      );
    const query = batch ? { batch, only: "rejected" } : { format: wanted };
    try {
      const { body } = await call("POST", withQuery(`/admin/datasets/${encodeURIComponent(name)}/try`, query), {
        raw: form,
      });
      setFound(body);
      editing.blame([]);
    } catch (error) {
      const known = asProblem(error);
      const faults = known.errors
        .filter(({ pointer }) => pointer.startsWith("/dataset"))
        .map(({ pointer, detail }) => ({ pointer: pointer.slice("/dataset".length), detail }));
      editing.blame(faults);
      setFound(null);
      setProblem(faults.length > 0 ? null : known);
    }
    setBusy(false);
  };
  const take = (/** @type {File | undefined} */ one) => {
    if (!one) return;
    setFile(one);
    setBatch("");
  };
  const drop = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  };
  const isReady = (batch !== "" || file !== null || text.trim() !== "") && !isBusy;
  return html`<section class="try" aria-label="Try" onDragOver=${(/** @type {Event} */ event) => event.preventDefault()} onDrop=${drop}>
    <header class="card-head"><h3>What would happen under this draft</h3><button type="button" class="bare" aria-label="Close the trial" onClick=${onClose}><${Icon} name="cross" /></button></header>
    <div class="try-in">
      <label class="field"><span>Sample rows: paste them, or drop a file here</span>
        ${file ? html`<span class="row"><code>${file.name}</code><button type="button" class="link" onClick=${() => setFile(null)}>Take it away</button></span>` : html`<textarea class="mono" rows="5" spellcheck=${false} disabled=${batch !== ""} placeholder=${"id,amount\n1,9.50"} value=${text} onInput=${(/** @type {Event} */ event) => setText(fieldOf(event).value)}></textarea>`}
      </label>
      <div class="stack">
        <label class="button"><${Icon} name="upload" />Choose a file<input type="file" class="offscreen" onChange=${(/** @type {Event} */ event) => take(fieldOf(event).files?.[0])} /></label>
        <label class="field"><span>Format</span><select value=${format} disabled=${batch !== ""} onChange=${(/** @type {Event} */ event) => setFormat(fieldOf(event).value)}>
          <option value="">as it looks</option>${formats.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
        <label class="field"><span>Or the rejected records of a batch</span><select value=${batch} onChange=${(/** @type {Event} */ event) => setBatch(fieldOf(event).value)}>
          <option value="">none</option>${batches.map(({ id, counts, createdAt, client: of }) => html`<option key=${id} value=${id}>${exact(createdAt).slice(0, 16)} ${of?.clientIdentifier}: ${plural(counts.rejected, "rejected record")}</option>`)}</select></label>
        <button type="button" class="button primary" disabled=${!isReady} aria-busy=${isBusy} onClick=${run}>Try it</button>
        <p class="quiet">Nothing is stored. The first 1 MiB or 5,000 records are looked at.</p>
      </div>
    </div>
    <${ErrorBox} problem=${problem} title="It could not be tried." />
    ${found && html`<${Tried} found=${found} />`}
  </section>`;
}
