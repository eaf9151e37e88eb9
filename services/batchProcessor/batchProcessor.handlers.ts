/** Custom handlers: Moleculer actions of the company's own that take the records of a chunk. */
import { Errors, type ServiceBroker } from "moleculer";
import type { RecordFault } from "../../formats/formats.ts";
import type { HandlerAnswer, HandlerCall, HandlerOutcome } from "./batchProcessor.contract.ts";

type OwnRejected = NonNullable<Extract<HandlerOutcome, { outcome?: "done" }>["rejected"]>[number];

/** A record that passed its schema and that the handler refuses. */
export interface HandlerRejected {
  record: number;
  errors: RecordFault[];
}

/** What became of a chunk at its handler. */
export type Delivered =
  | { outcome: "done"; rejected: HandlerRejected[] }
  | { outcome: "retry"; reason: string; delayMs?: number | undefined }
  | { outcome: "snooze"; reason: string; delayMs: number }
  | { outcome: "cancel" }
  | { outcome: "fail"; reason: string };

/** How long a batch waits for a handler that is not there. */
const SNOOZE_MS = 5_000;
const LONGEST_DELAY_MS = 86_400_000;

export const builtInHandler = "store";

/** Not there now, which is no fault of the batch: not found, its node gone, its circuit open, its queue full. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof Errors.ServiceNotFoundError ||
    error instanceof Errors.ServiceNotAvailableError ||
    error instanceof Errors.RequestRejectedError ||
    error instanceof Errors.QueueIsFullError
  );
}

/**
 * Gives a chunk to its handler and classes what comes back; never throws. A throw is `retry`, an answer outside the
 * contract is a loud `fail`.
 */
export async function deliver(
  broker: ServiceBroker,
  action: string,
  timeoutMs: number,
  chunk: HandlerCall,
): Promise<Delivered> {
  const endpoint = broker.findNextActionEndpoint(action);
  if (endpoint instanceof Error) return absent(`the handler "${action}" is not there`);
  if ((endpoint.action as { importHandler?: boolean }).importHandler !== true)
    return absent(`"${action}" does not declare itself a handler`);
  try {
    const answer = (await broker.call(action, chunk, { timeout: timeoutMs, retries: 0 })) as HandlerAnswer;
    return classed(answer ?? { outcome: "done" }, chunk);
  } catch (error) {
    if (isAbsent(error)) return absent(`the handler "${action}" is not there`);
    return { outcome: "retry", reason: error instanceof Error ? error.message : String(error) };
  }
}

const absent = (reason: string): Delivered => ({ outcome: "snooze", reason, delayMs: SNOOZE_MS });
const bounded = (ms: number | undefined) =>
  typeof ms === "number" && ms >= 0 ? Math.min(ms, LONGEST_DELAY_MS) : undefined;

function classed(answer: HandlerOutcome, chunk: HandlerCall): Delivered {
  switch (answer.outcome) {
    case undefined:
    case "done":
      return { outcome: "done", rejected: rejectedOf(answer.rejected ?? [], chunk) };
    case "retry":
      return {
        outcome: "retry",
        reason: answer.reason ?? "the handler asked for it",
        delayMs: bounded(answer.delayMs),
      };
    case "snooze":
      return { outcome: "snooze", reason: answer.reason ?? "", delayMs: bounded(answer.delayMs) ?? SNOOZE_MS };
    case "cancel":
      return { outcome: "cancel" };
    case "fail":
      return { outcome: "fail", reason: answer.reason ?? "The handler gave up." };
    default: {
      const { outcome } = answer satisfies never as { outcome: unknown };
      return { outcome: "fail", reason: `The handler answered "${outcome}", which is no outcome.` };
    }
  }
}

/** The handler's own refusals, by rising record; a number that it was not given is none of the chunk. */
function rejectedOf(rejected: OwnRejected[], { records }: HandlerCall): HandlerRejected[] {
  const given = new Set(records.map(({ record }) => record));
  const byRecord = new Map(rejected.filter(({ record }) => given.has(record)).map((one) => [one.record, one]));
  return [...byRecord.values()]
    .sort((a, b) => a.record - b.record)
    .map(({ record, errors }) => ({
      record,
      errors: errors.map(({ field = "", code, message = code }) => ({ field, code, message })),
    }));
}
