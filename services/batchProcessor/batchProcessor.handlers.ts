/** Custom handlers: Moleculer actions of the company's own that take the records of a chunk. */
import { Errors, type ServiceBroker } from "moleculer";
import { boundedFault, MAX_FAULTS } from "../../formats/check/fault-bounds.ts";
import { type Sensitive, withoutValues } from "../../formats/check/sensitive.ts";
import type { RecordFault } from "../../formats/formats.ts";
import { oneLine } from "../../lib/log/logger.ts";
import { compiled } from "../../lib/validator.ts";
import type { AttemptError, Settlement } from "../batch/batch.outcome.domain.ts";
import type { HandlerAnswer, HandlerCall, HandlerOutcome } from "./batchProcessor.contract.ts";
import type { WorkerFigures } from "./batchProcessor.figures.ts";
import type { RemoteNodes } from "./batchProcessor.nodes.ts";

type OwnRejected = NonNullable<Extract<HandlerOutcome, { outcome?: "done" }>["rejected"]>[number];

/** A record that its schema accepts and the handler rejects. */
export interface HandlerRejected {
  record: number;
  errors: RecordFault[];
}

/** The result of a delivery: done, or the outcome of the run. */
export type Delivered = { outcome: "done"; rejected: HandlerRejected[] } | Settlement;

/** How long a batch waits for an absent handler. It goes on sooner if the handler appears. */
const SNOOZE_MS = 5_000;
const LONGEST_DELAY_MS = 86_400_000;
/** The longest reason of a handler, in characters, that operators see. */
const LONGEST_REASON = 500;

export const builtInHandler = "store";

const text = { type: "string", optional: true };
const fault = { type: "object", props: { field: text, code: { type: "string", empty: false }, message: text } };
const refusal = { type: "object", props: { record: "number", errors: { type: "array", min: 1, items: fault } } };
const checkAnswer = compiled({
  outcome: { type: "enum", values: ["done", "retry", "snooze", "cancel", "fail"], optional: true },
  rejected: { type: "array", items: refusal, optional: true },
  delayMs: { type: "number", optional: true },
  reason: text,
});

/**
 * Whether the handler is away, which is not the batch's fault: not found, its node gone, its circuit open, its queue full.
 * If the handler itself calls a missing action, that is a failed attempt.
 */
function isAbsent(error: unknown, action: string): boolean {
  const isOfThisKind =
    error instanceof Errors.ServiceNotFoundError ||
    error instanceof Errors.ServiceNotAvailableError ||
    error instanceof Errors.RequestRejectedError ||
    error instanceof Errors.QueueIsFullError;
  return isOfThisKind && (error.data as { action?: string } | undefined)?.action === action;
}

export interface Way {
  broker: ServiceBroker;
  /** The fields whose values must not appear in the handler's texts. */
  sensitive: Sensitive;
  nodes: RemoteNodes;
  figures: Pick<WorkerFigures, "handled">;
  /** Aborted when the batch is no longer this worker's. Then no other node is called. */
  lost: AbortSignal;
}

/**
 * Calls the handler with a chunk and classifies the answer. Never throws: a throw of the handler is `retry`, an answer outside the
 * contract is `fail`. If the called node dies, the next node with the handler is called.
 */
export async function deliver(way: Way, action: string, timeoutMs: number, chunk: HandlerCall): Promise<Delivered> {
  const tried = new Set<string>();
  for (;;) {
    const endpoint = way.broker.findNextActionEndpoint(action);
    if (endpoint instanceof Error || tried.has(endpoint.id) || way.lost.aborted)
      return absent(action, `the handler "${action}" is not there`);
    if ((endpoint.action as { importHandler?: boolean }).importHandler !== true)
      return absent(action, `"${action}" does not declare itself a handler`);
    tried.add(endpoint.id);
    const delivered = await deliverAt(way, endpoint.id, action, timeoutMs, chunk);
    if (delivered) return delivered;
  }
}

/** Delivers the chunk. Null: the handler is away. */
async function deliverAt(
  { broker, nodes, sensitive, figures }: Way,
  nodeID: string,
  action: string,
  timeout: number,
  chunk: HandlerCall,
): Promise<Delivered | null> {
  const tell: Tell = (text, records = chunk.records) =>
    sensitive.length === 0
      ? text
      : withoutValues(
          text,
          records.map(({ data }) => data),
          sensitive,
        );
  const beganAt = performance.now();
  const handled = () => figures.handled(action, performance.now() - beganAt);
  try {
    const calling = broker.call(action, chunk, { nodeID, timeout, retries: 0 }) as Promise<HandlerAnswer>;
    const answer = await nodes.during(nodeID, calling);
    handled();
    return classed(answer ?? { outcome: "done" }, chunk, tell);
  } catch (error) {
    if (isAbsent(error, action)) return null;
    handled();
    return { outcome: "retry", ...failure(tell(error instanceof Error ? error.message : String(error))) };
  }
}

/** Masks the sensitive values of these records in a handler's text. Omitted: the records of its chunk. */
type Tell = (text: string, records?: HandlerCall["records"]) => string;

const absent = (awaits: string, detail: string): Settlement => ({
  outcome: "snooze",
  detail,
  delayMs: SNOOZE_MS,
  awaits,
  waits: detail,
});
const bounded = (ms: number | undefined) =>
  typeof ms === "number" && ms >= 0 ? Math.min(ms, LONGEST_DELAY_MS) : undefined;
const failure = (reason: string): AttemptError => ({ code: "handler-failed", detail: oneLine(reason, LONGEST_REASON) });

function classed(answer: HandlerOutcome, chunk: HandlerCall, tell: Tell): Delivered {
  const faults = checkAnswer(answer);
  if (Array.isArray(faults)) {
    const found = faults.map(({ message }) => message).join(" ");
    return { outcome: "fail", ...failure(`The handler's answer is not one that a handler may give: ${tell(found)}`) };
  }
  switch (answer.outcome) {
    case undefined:
    case "done":
      return { outcome: "done", rejected: rejectedOf(answer.rejected ?? [], chunk, tell) };
    case "retry": {
      const delayMs = bounded(answer.delayMs);
      const cause = failure(tell(answer.reason ?? "the handler asked for it"));
      return { outcome: "retry", ...(delayMs === undefined ? {} : { delayMs }), ...cause };
    }
    case "snooze":
      return {
        outcome: "snooze",
        detail: oneLine(tell(answer.reason ?? ""), LONGEST_REASON),
        delayMs: bounded(answer.delayMs) ?? SNOOZE_MS,
      };
    case "cancel":
      return { outcome: "cancel" };
    case "fail":
      return { outcome: "fail", ...failure(tell(answer.reason ?? "The handler gave up.")) };
    default:
      throw new Error(`No such outcome: ${JSON.stringify(answer satisfies never)}`);
  }
}

/** The records that the handler has rejected, in ascending order. Numbers of records that the handler did not get are ignored. */
function rejectedOf(rejected: OwnRejected[], { records }: HandlerCall, tell: Tell): HandlerRejected[] {
  const given = new Map(records.map((one) => [one.record, one]));
  const byRecord = new Map(rejected.filter(({ record }) => given.has(record)).map((one) => [one.record, one]));
  return [...byRecord.values()]
    .sort((a, b) => a.record - b.record)
    .map(({ record, errors }) => ({
      record,
      errors: errors
        .slice(0, MAX_FAULTS)
        .map(({ field = "", code, message = code }) =>
          boundedFault({ field, code, message: tell(message, [given.get(record) as HandlerCall["records"][number]]) }),
        ),
    }));
}
