/** Moves many batches: the selected ones, or all that match the filter. A dry run comes first. */
import { signal } from "@preact/signals";
import { connection, post } from "../api/client.js";
import { href } from "../state/router.js";
import { ShortId } from "../ui/copy.js";
import { ask, Dialog } from "../ui/dialog.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { count, plural } from "../ui/numbers.js";
import { Progress } from "../ui/progress.js";
import { Table } from "../ui/table.js";
import { toast, toastProblem } from "../ui/toast.js";
import { movesOfMany } from "./moves.js";
import { moveInPieces } from "./pieces.js";

/** @import { Query } from "../types.d.ts" */
/** @import { Move } from "./moves.js" */

/** @import { Moved, Outcome, Which } from "./pieces.js" */

/** What the last move of many has done, until it is closed. */
const result = signal(/** @type {{ move: Move, moved: Outcome, isMore: boolean } | null} */ (null));
/** How many batches the one that runs has looked at, and of how many. */
const progress = signal(/** @type {{ looked: number, all: number } | null} */ (null));

/** @param {string} id */
const hrefOf = (id) => href(`/batches/${id}`);

/** @param {{ move: Move, dry: Moved }} props what it would do */
function Foreseen({ move, dry: { matched, isMore, examples, refused } }) {
  const refusedIds = new Set(refused.map(({ id }) => id));
  const movable = examples.filter((id) => !refusedIds.has(id));
  return html`
    <p><strong>${plural(matched - refused.length, "batch", "batches")}</strong> of ${count(matched)} will be ${move.done}${refused.length > 0 ? `; ${count(refused.length)} cannot be, by their state` : ""}.
      ${isMore && html` The filter matches more: these are the first ${count(matched)}. Do it again for the rest.`}</p>
    <p>Of each: ${move.consequence}</p>
    ${movable.length > 0 && html`<p class="examples-line">Such as ${movable.map((id) => html`<${ShortId} key=${id} id=${id} href=${hrefOf(id)} /> `)}</p>`}`;
}

/** @param {Move} move @param {Which} which @param {() => void} onDone */
async function moveMany(move, which, onDone) {
  const { name: action, label, isDanger = false, reason } = move;
  let dry;
  try {
    dry = /** @type {Moved} */ (await post("/admin/batches/actions", { action, ...which, dryRun: true }));
  } catch (error) {
    return toastProblem(`${label}: nothing was done`, error);
  }
  const movable = dry.matched - dry.refused.length;
  if (movable === 0)
    return toast(
      `None of ${plural(dry.matched, "batch", "batches")} can be ${move.done}: their states do not allow it.`,
      "plain",
    );
  let isStopped = false;
  const isDone = await ask({
    title: `${label} ${plural(movable, "batch", "batches")}?`,
    consequence: html`<${Foreseen} move=${move} dry=${dry} />`,
    action: `${label} ${plural(movable, "batch", "batches")}`,
    isDanger,
    reason,
    count: movable,
    extra: html`<${HowFar} />`,
    run: async (why) => {
      const all = dry.matched;
      progress.value = { looked: 0, all };
      try {
        const moved = await moveInPieces({ action, ...(why !== "" && { reason: why }) }, which, {
          most: all,
          isStopped: () => isStopped,
          onProgress: (looked) => {
            progress.value = { looked, all };
          },
        });
        result.value = { move, moved, isMore: dry.isMore };
        onDone();
      } finally {
        progress.value = null;
      }
    },
  });
  isStopped = !isDone;
}

/** The progress of a running move. "Back" ends it after the present piece. */
function HowFar() {
  if (!progress.value) return null;
  const { looked, all } = progress.value;
  return html`<${Progress} value=${looked / all} label="Batches" more=${`${count(looked)} of ${count(all)}`} />
    <p class="quiet">Back stops it. What was moved stays moved.</p>`;
}

/**
 * @param {object} props
 * @param {import("@preact/signals").Signal<Set<string>>} props.selected
 * @param {Query} props.filter of the list. With an empty filter nothing is offered for all batches
 * @param {() => void} props.onDone
 */
export function Bulk({ selected, filter, onDone }) {
  const ids = [...selected.value];
  const isAny = Object.keys(filter).length > 0;
  if (ids.length === 0 && !isAny) return null;
  const which = ids.length > 0 ? { ids } : { filter };
  const done = () => {
    selected.value = new Set();
    onDone();
  };
  const what = ids.length > 0 ? `${count(ids.length)} selected` : "All that match";
  return html`<div class="bulk row" role="group" aria-label="Actions on many batches">
    <span class="bulk-what">${what}</span>
    ${movesOfMany.map((move) => html`<button key=${move.name} type="button" class="button small" disabled=${connection.value.isAway} onClick=${() => moveMany(move, which, done)}><${Icon} name=${move.icon} />${move.label}</button>`)}
    ${
      ids.length > 0 &&
      html`<button type="button" class="link" onClick=${() => {
        selected.value = new Set();
      }}>Select none</button>`
    }
  </div>`;
}

/** @type {import("../ui/table.js").Column<{ id: string, code: string }>[]} */
const columns = [
  { key: "id", title: "Batch", render: ({ id }) => html`<${ShortId} id=${id} href=${hrefOf(id)} />` },
  { key: "code", title: "Why not", isWide: true, render: ({ code }) => html`<code>${code}</code>` },
];

/** The result of the last move: how many batches were moved, and which were refused. */
export function BulkResult() {
  if (!result.value) return null;
  const { move, moved, isMore } = result.value;
  const { done, refused, left, problem } = moved;
  const close = () => {
    result.value = null;
  };
  return html`<${Dialog} title=${`${plural(done, "batch", "batches")} ${move.done}`} onClose=${close}>
    <div class="dialog-text">
      ${refused.length === 0 ? html`<p>None was refused.</p>` : html`<p>${plural(refused.length, "batch was", "batches were")} refused and ${refused.length === 1 ? "stays" : "stay"} as before.</p>`}
      ${left > 0 && html`<p>It was stopped: ${plural(left, "batch was", "batches were")} not looked at.</p>`}
      ${left === 0 && isMore && html`<p>The filter matches more than was looked at. Do it again for the rest.</p>`}
      <${ErrorBox} problem=${problem} title="The rest was not done." />
    </div>
    ${refused.length > 0 && html`<div class="dialog-table"><${Table} caption="Refused" columns=${columns} list=${{ items: refused }} /></div>`}
    <footer class="dialog-foot"><button type="button" class="button primary" onClick=${close}>Close</button></footer>
  </${Dialog}>`;
}
