/** What a partner can do with a batch. Each action tells its consequence first. */
import { post } from "../api/client.js";
import { Since } from "../batch/since.js";
import { navigate } from "../state/router.js";
import { ask } from "../ui/dialog.js";
import { html } from "../ui/html.js";
import { count, plural } from "../ui/numbers.js";
import { toast } from "../ui/toast.js";
import { triedAgain } from "./correction-look.js";

/** @import { Batch } from "../types.d.ts" */

const live = ["received", "ready", "processing", "held"];

/** @param {Batch} batch */
export const mayCancel = ({ status }) => live.includes(status);
/** @param {Batch} batch */
export const mayCommit = ({ status }) => status === "validated";
/** The number of rejected records that no correction has delivered. @param {Batch} batch */
export const leftOf = ({ counts }) => counts.rejected - (counts.corrected ?? 0);
/** Whether the rejected records can be corrected: the batch has delivered all others. @param {Batch} batch */
export const mayCorrect = (batch) =>
  ["completed_with_errors", "failed", "cancelled"].includes(batch.status) &&
  batch.validateOnly !== true &&
  leftOf(batch) > 0;

/** @param {Batch} batch @param {(batch: Batch) => void} onDone */
export async function cancel({ id, counts }, onDone) {
  const isDone = await ask({
    title: "Stop this import?",
    consequence:
      counts.accepted > 0
        ? `It stops at once. ${plural(counts.accepted, "row")} that ${counts.accepted === 1 ? "is" : "are"} imported already stay. The rest is not imported.`
        : "It stops at once. Nothing of it is imported.",
    action: "Stop import",
    isDanger: true,
    run: async () => onDone(await post(`/imports/${id}/cancel`)),
  });
  if (isDone) toast("The import is stopped.");
}

/** @param {Batch} batch @param {(batch: Batch) => void} onDone */
export async function commit({ id, counts }, onDone) {
  const isDone = await ask({
    title: "Import now?",
    consequence:
      counts.rejected > 0
        ? `${plural(counts.accepted, "row")} will be imported. ${plural(counts.rejected, "row")} will be rejected; you can mend them afterwards.`
        : `All ${plural(counts.accepted, "row")} will be imported.`,
    action: "Import",
    run: async () => onDone(await post(`/imports/${id}/commit`)),
  });
  if (isDone) toast("The import has begun.");
}

/** @param {Batch} batch */
export async function retryRejected(batch) {
  let made = "";
  const left = leftOf(batch);
  const mended = batch.counts.corrected ?? 0;
  const isDone = await ask({
    title: `Try the ${plural(left, "rejected row")} again?`,
    consequence: html`<p>They are sent again unchanged, as a new batch. This helps only if the rules have changed since, or if the other side was not ready. Wrong values are rejected again: mend those first.${mended > 0 && ` ${plural(mended, "row")} ${mended === 1 ? "is mended already: it goes" : "are mended already: they go"} along and ${mended === 1 ? "is" : "are"} refused, so that nothing is imported twice.`}</p>
      <${Since} base=${`/imports/${batch.id}`} tryNow=${() => triedAgain(batch)} />`,
    action: `Try ${count(left)} again`,
    run: async () => {
      ({ id: made } = await post(`/imports/${batch.id}/retry?only=rejected`));
    },
  });
  if (isDone) navigate(`/batches/${made}`);
}
