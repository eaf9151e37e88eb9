/** How fast a batch is processed, from its progress in the last 10 s, and how long it will take. */
import { useRef } from "preact/hooks";
import { html } from "../ui/html.js";
import { duration, rate } from "../ui/numbers.js";
import { Progress } from "../ui/progress.js";

/** @import { Batch } from "../types.d.ts" */

const LOOKED_AT_MS = 10_000;

/** @typedef {{ at: number, progress: number }} Seen */

/**
 * @param {Seen[]} seen the oldest first
 * @param {number} received records of the batch
 * @returns {{ perSecond: number, leftMs: number } | null} null: too little was seen yet
 */
export function paceOf(seen, received) {
  const [first, last] = [seen[0], seen.at(-1)];
  if (!first || !last || last.at - first.at < 500 || last.progress <= first.progress) return null;
  const perMs = (last.progress - first.progress) / (last.at - first.at);
  return { perSecond: perMs * received * 1_000, leftMs: (1 - last.progress) / perMs };
}

/** @type {Record<string, string>} */
const phases = { validate: "Checking", check: "Checking", review: "Checking", deliver: "Storing" };

/**
 * The bar of a batch that has not ended.
 * @param {{ batch: Batch, phase?: string | undefined, at: number }} props `at`: when the batch was read
 */
export function Pace({ batch: { progress, counts, status }, phase, at }) {
  const seen = useRef(/** @type {Seen[]} */ ([]));
  const last = seen.current.at(-1);
  if (last && progress < last.progress) seen.current = [];
  if (last?.at !== at) seen.current = [...seen.current.filter((one) => at - one.at <= LOOKED_AT_MS), { at, progress }];
  if (status !== "processing") return null;
  const pace = paceOf(seen.current, counts.received);
  const more = pace && `${rate(pace.perSecond)} records/s, ${duration(Math.max(1_000, pace.leftMs))} left`;
  return html`<${Progress} value=${progress} label=${phases[phase ?? ""] ?? "Working"} more=${more} />`;
}
