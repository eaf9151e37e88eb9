/** The two bars of an import: how much was sent, and how much of it was processed. */
import { useRef } from "preact/hooks";
import { html } from "../ui/html.js";
import { bytes, count, duration, rate } from "../ui/numbers.js";
import { Progress } from "../ui/progress.js";
import { wordOf } from "../ui/states.js";
import { meter } from "./speed.js";

/** @import { Batch } from "../types.d.ts" */
/** @import { Sending } from "./sending.js" */
/** @import { Speed } from "./speed.js" */

/** @param {Speed} speed */
const left = ({ leftMs }) => (leftMs === null ? null : `${duration(Math.max(1_000, leftMs))} left`);

/** @param {(string | null | false)[]} parts */
const joined = (...parts) => parts.filter(Boolean).join(" · ");

/** @param {{ now: Sending }} props */
export function SentBar({ now: { sent, total, speed } }) {
  const isAll = sent >= total;
  const more = joined(
    `${bytes(sent)} of ${bytes(total)}`,
    !isAll && speed.rate > 0 && `${bytes(Math.round(speed.rate))}/s`,
    isAll ? "the server takes it in" : left(speed),
  );
  return html`<${Progress} value=${total === 0 ? 1 : sent / total} label="Sent" more=${more} />`;
}

/** The first bar of a batch that was sent completely. @param {{ batch: Batch }} props */
export const AllSent = ({ batch }) =>
  html`<${Progress} value=${1} label="Sent" more=${batch.bytes > 0 ? bytes(batch.bytes) : ""} />`;

const waiting = ["received", "ready", "held"];

/** @param {{ batch: Batch }} props */
export function ProcessedBar({ batch }) {
  const measured = useRef(meter());
  const { progress, counts, status, finishedAt } = batch;
  const speed = measured.current(Math.round(progress * counts.received), counts.received);
  const isOver = finishedAt !== null || status === "validated";
  const done = counts.accepted + counts.rejected + counts.duplicate;
  const more = isOver
    ? `${count(done)} of ${count(counts.received)} rows`
    : joined(
        `${count(done)} of ${count(counts.received)} rows`,
        waiting.includes(status) ? wordOf(status) : speed.rate > 0 && `${rate(speed.rate)} rows/s`,
        left(speed),
      );
  return html`<${Progress} value=${status === "validated" ? 1 : progress} label=${batch.validateOnly ? "Checked" : "Processed"} more=${more} />`;
}
