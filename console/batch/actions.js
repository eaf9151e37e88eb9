/** The buttons of operators on a batch. Each tells its consequence first. A refusal of the API is shown in the dialog. */
import { connection, post } from "../api/client.js";
import { may } from "../api/session.js";
import { navigate } from "../state/router.js";
import { shortOf } from "../ui/copy.js";
import { ask } from "../ui/dialog.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { plural } from "../ui/numbers.js";
import { toast, toastProblem } from "../ui/toast.js";
import { movesOf, undoable } from "./moves.js";
import { Since } from "./since.js";
import { triedNow } from "./tried-now.js";

/** @import { WholeBatch } from "../types.d.ts" */
/** @import { Move } from "./moves.js" */

/** @param {string} reason */
const bodyOf = (reason) => (reason === "" ? {} : { reason });
/** @param {WholeBatch} batch @param {Move} move @param {() => void} onDone */
async function run({ id }, { name, label, consequence, isDanger = false, reason, done }, onDone) {
  const isDone = await ask({
    title: `${label} this batch?`,
    consequence,
    action: `${label} batch`,
    isDanger,
    reason,
    run: (why) => post(`/admin/batches/${id}/${name}`, bodyOf(why)),
  });
  if (isDone) toast(`Batch ${shortOf(id)} is ${done}.`);
  onDone();
}

/** @typedef {{ records: number, duplicatesElsewhere: number, references?: { table: string, columns: string[], constraint: string | null }[] }} DryUndo */

/** @param {DryUndo} dry */
const undoText = ({
  records,
  duplicatesElsewhere,
  references = [],
}) => html`<p>${plural(records, "stored record")} will be deleted, with their unique keys, so that they can be sent again. This cannot be taken back.</p>
  ${duplicatesElsewhere > 0 && html`<p>${plural(duplicatesElsewhere, "record")} of other batches counted as duplicates of them. They do not come back by themselves.</p>`}
  ${
    references.length > 0 &&
    html`<p>Other rows refer to its rows, and are in the way:</p>
    <ul>${references.map(({ table, columns }) => html`<li key=${table}><code>${table}</code> (${columns.join(", ")})</li>`)}</ul>`
  }`;

/** @param {WholeBatch} batch @param {() => void} onDone */
async function undo({ id }, onDone) {
  try {
    const dry = /** @type {DryUndo} */ (await post(`/admin/batches/${id}/undo?dryRun=true`));
    const isDone = await ask({
      title: "Take this batch back?",
      consequence: undoText(dry),
      action: "Take back",
      isDanger: true,
      reason: "required",
      count: dry.records,
      run: (reason) => post(`/admin/batches/${id}/undo`, { reason }),
    });
    if (isDone) toast(`Batch ${shortOf(id)} is being taken back.`);
  } catch (error) {
    toastProblem("It cannot be taken back", error);
  }
  onDone();
}

/** @param {WholeBatch} batch @param {() => void} onDone */
async function retryRejected(batch, onDone) {
  const { id, counts } = batch;
  const left = counts.rejected - (counts.corrected ?? 0);
  /** @type {{ id: string } | null} */
  let made = null;
  await ask({
    title: "Send the rejected records again?",
    consequence: html`<p>${plural(left, "rejected record")} become${left === 1 ? "s" : ""} a new batch of the same partner, checked by today's rules. That helps where the rules were wrong; where the records are wrong, they are rejected again.</p>
      <${Since} base=${`/admin/batches/${id}`} tryNow=${() => triedNow(batch)} />`,
    action: "Send again",
    reason: "optional",
    run: async (reason) => {
      made = await post(`/admin/batches/${id}/retry?only=rejected`, bodyOf(reason));
    },
  });
  const there = /** @type {{ id: string } | null} */ (made);
  if (!there) return onDone();
  toast(`The rejected records are batch ${shortOf(there.id)} now.`);
  navigate(`/batches/${there.id}`);
}

/** @param {{ batch: WholeBatch, onDone: () => void }} props `onDone`: read again */
export function Actions({ batch, onDone }) {
  if (!may("operator")) return null;
  const { status, counts, validateOnly, children } = batch;
  const isAway = connection.value.isAway;
  const isRetried = children.some(({ kind }) => kind === "retry");
  return html`
    ${movesOf(batch).map(
      (move) =>
        html`<button key=${move.name} type="button" class=${`button${["approve", "commit", "redrive"].includes(move.name) ? " primary" : ""}`} disabled=${isAway} onClick=${() => run(batch, move, onDone)}><${Icon} name=${move.icon} />${move.label}</button>`,
    )}
    ${
      counts.rejected > 0 &&
      !validateOnly &&
      !isRetried &&
      ["completed_with_errors", "completed", "cancelled", "failed"].includes(status) &&
      html`<button type="button" class="button" disabled=${isAway} onClick=${() => retryRejected(batch, onDone)}><${Icon} name="retry" />Retry rejected</button>`
    }
    ${
      undoable.includes(status) &&
      !validateOnly &&
      counts.accepted > 0 &&
      html`<button type="button" class="button" disabled=${isAway} onClick=${() => undo(batch, onDone)}><${Icon} name="undo" />Take back</button>`
    }`;
}
