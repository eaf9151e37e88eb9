/**
 * The spans of a run. The first run of a batch belongs to the trace of the request that created the batch. Each further run (a retry, or
 * after the batch was handed back or taken from a dead worker) has a trace of its own, with a link to the first one.
 */
import {
  context,
  contextOfText,
  continued,
  failSpan,
  inSpan,
  isTracing,
  SpanKind,
  startSpan,
  traceHeaders,
} from "../../lib/trace/trace.ts";
import type { Claim } from "../batch/batch.contract.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import type { Run, RunTrace } from "./batchProcessor.run.ts";
import type { Step } from "./batchProcessor.tools.ts";

/**
 * Starts the span of a run. It begins with the claim, although it is created only afterwards. `claimedFrom`: when the claim began, epoch
 * ms. Null: the node sends no spans.
 */
export function beginTrace({ batch, policy, clientPublicId }: Claim, claimedFrom: number): RunTrace | null {
  if (!isTracing()) return null;
  const { parent, links } = continued(contextOfText(batch.trace), isFirstRun(batch));
  const attributes = {
    "dataflow.batch.id": batch.publicId,
    "dataflow.client": clientPublicId,
    "dataflow.dataset": batch.dataset,
    "dataflow.handler": policy.handler,
    "dataflow.attempt": batch.attempt,
  };
  const options = { kind: SpanKind.CONSUMER, startTime: claimedFrom, links, attributes };
  const trace = startSpan("batch.run", options, parent);
  startSpan("batch.claim", { startTime: claimedFrom }, trace.context).span.end();
  return trace;
}

/** The first claim has fence 1. Each claim, and each time a batch is taken away, raises the fence. */
const isFirstRun = ({ fence }: BatchRow): boolean => fence === 1;

/** Runs the work in the trace context of the run. */
export const inRun = <T>({ trace }: Run, work: () => Promise<T>): Promise<T> =>
  trace ? context.with(trace.context, work) : work();

export function endTrace(trace: RunTrace, outcome: Outcome | null): void {
  const { span } = trace;
  if (outcome) span.setAttribute("dataflow.outcome", outcome.outcome);
  if (outcome?.outcome === "fail" || outcome?.outcome === "retry") failSpan(span, outcome.code);
  if (outcome?.outcome === "lost") failSpan(span, outcome.outcome);
  span.end();
}

/** Runs a step in a span of its own. */
export const traced =
  (name: string, step: Step): Step =>
  (tools, run) =>
    run.trace ? inSpan(name, () => step(tools, run)) : step(tools, run);

/** Runs the steps of one chunk in a span of its own. */
export function inChunk(run: Run, work: () => Promise<void>): Promise<void> {
  if (!run.trace) return work();
  const { phase, nextChunk } = run.batch;
  const options = () => ({ attributes: { "dataflow.chunk": nextChunk, "dataflow.phase": phase } });
  return inSpan("batch.chunk", work, { options });
}

/** The span of delivering a chunk to the policy's handler. */
export const inDelivery = <T>(name: "batch.handler" | "batch.table", to: string, work: () => Promise<T>): Promise<T> =>
  inSpan(name, work, { options: () => ({ attributes: { "dataflow.target": to } }) });

/** The trace of this run, for the events of its commit. The commits of a group are sent in the trace context of only one of its runs. */
export const headersOf = ({ trace }: Run) => (trace ? traceHeaders(trace.context) : undefined);
