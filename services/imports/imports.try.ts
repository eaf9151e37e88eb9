/** Checks records against a draft of a dataset: the records of a sample, or of a batch. Nothing is stored. */

import type { Context } from "moleculer";
import { isSensitive } from "../../formats/check/sensitive.ts";
import { checkFormat } from "../../formats/content.ts";
import { numbersOf } from "../../formats/correction/reserved.ts";
import { dialectOf } from "../../formats/csv/dialect.ts";
import { UTF_8 } from "../../formats/encoding/transcoder.ts";
import { retried } from "../../formats/parts.ts";
import { shownColumns } from "../../formats/read/columns.ts";
import { rawMask } from "../../formats/read/masked.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import { isProblem, Problem, type ProblemExtra, rethrowUnder } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { pinnedPolicy } from "../batches.ts";
import { jsonOf } from "../json.ts";
import type { ParamsOf } from "../messages.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { checkedBody, checkedWith, splitterFor, whileRunning } from "./imports.check.ts";
import { readingOf } from "./imports.columns.ts";
import type { CheckedBody, TriedBody } from "./imports.domain.ts";
import { Findings, type Looked, MOST_BYTES } from "./imports.findings.ts";
import { DRAFT, draftForm } from "./imports.form.ts";
import { openForm } from "./imports.receive.ts";
import { RejectedRecords } from "./imports.rejected.ts";
import type { Intake } from "./imports.running.ts";

type Try = ParamsOf<"imports.tryDraft">;

/** No client has this id. Tries of operators take no place of a client's uploads. */
const NOBODY = 0;
const TRIES_AT_ONCE = 4;

/** See the contract. */
export async function tryDraft(intake: Intake, ctx: Context<Try>): Promise<TriedBody> {
  const found = await whileRunning(intake, NOBODY, TRIES_AT_ONCE, (stopped) => tried(intake, ctx, stopped));
  const { received, rejected } = found.counts;
  return { tried: received, passed: received - rejected, ...found };
}

async function tried(intake: Intake, ctx: Context<Try>, stopped: AbortSignal): Promise<CheckedBody> {
  const { name, form, clientId, batch: publicId, onlyRejected = false } = ctx.params;
  const batch = publicId === undefined ? null : await batchOf(ctx, publicId, clientId);
  const { pieces, signal } = openForm(intake, ctx, NOBODY, stopped);
  const { draft, file, end } = await draftForm(pieces, form, batch === null);
  if (batch) await end();
  const of = clientId ?? batch?.clientId;
  const policy = await policyOf(ctx, name, draft, of);
  const looked = { clientId: of ?? NOBODY, policy };
  if (!batch) {
    const { content, pieces: bytes } = await file(policy.policy.formats);
    return checkedBody(intake, { ...looked, ...content }, { pieces: bytes, signal });
  }
  const masked = { ...looked, ...(await maskedFor(ctx, batch, policy)) };
  checkFormat(batch.format, policy.policy.formats);
  return onlyRejected ? ofRejected(intake, batch, masked, signal) : ofBody(intake, batch, masked, signal);
}

async function batchOf(ctx: Context<Try>, publicId: string, clientId: number | undefined): Promise<BatchRow> {
  try {
    return await actors.batch.get(ctx, { publicId, ...(clientId !== undefined && { clientId }) });
  } catch (error) {
    if (!isProblem(error, "not-found")) throw error;
    const whose = clientId === undefined ? "" : " of this client";
    throw new Problem("not-found", `There is no batch ${JSON.stringify(publicId.slice(0, 100))}${whose}.`);
  }
}

/** The policy of a draft: the dataset itself, or the body of `POST /admin/datasets/check`. */
async function policyOf(ctx: Context<Try>, name: string, draft: Buffer, clientId: number | undefined) {
  const { mode, document } = draftIn(draft);
  const asked = { name, mode, document, ...(clientId !== undefined && { clientId }) };
  return actors.policy.draftDataset(ctx, asked).catch(rethrowUnder(mode === "put" ? "/dataset" : "/patch"));
}

const wrongDraft = (pointer: string, detail: string) =>
  new Problem("validation", "The draft is wrong.", { errors: [{ pointer, detail }] });

function draftIn(bytes: Buffer): { mode: "put" | "patch"; document: object } {
  const value = jsonIn(bytes);
  if (!isObject(value)) throw wrongDraft(`/${DRAFT}`, "expected an object");
  const wrapped = ["dataset", "patch"].filter((member) => Object.hasOwn(value, member));
  // No dataset has a field of either name.
  if (wrapped.length === 0) return { mode: "put", document: value };
  if (wrapped.length > 1) throw wrongDraft("", "expected either dataset or patch");
  const other = Object.keys(value).find((member) => member !== wrapped[0]);
  if (other !== undefined) throw wrongDraft(`/${other}`, "unknown field: the name and the client are in the URL");
  const document = value[wrapped[0] as string];
  if (!isObject(document)) throw wrongDraft(`/${wrapped[0]}`, "expected an object");
  return { mode: wrapped[0] === "patch" ? "patch" : "put", document };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function jsonIn(bytes: Buffer): unknown {
  try {
    return jsonOf(bytes);
  } catch (error) {
    if (!isProblem(error, "malformed-body")) return rethrowUnder(`/${DRAFT}`)(error);
    throw new Problem("malformed-body", `The part "${DRAFT}": ${error.message}`, error.data as ProblemExtra);
  }
}

/**
 * What the batch's own policy hides stays hidden, whatever the draft says: its fields, and in the draft those that its columns fill
 * then.
 */
async function maskedFor(ctx: Context<Try>, batch: BatchRow, draft: PolicyVersion) {
  const { policy: own } = await pinnedPolicy(ctx.broker, batch);
  const sensitive = hiddenFields(batch, own, draft.policy);
  return { policy: { ...draft, policy: { ...draft.policy, sensitive } }, mask: rawMask(batch, own) };
}

function hiddenFields({ envelope }: BatchRow, own: Policy, draft: Policy): string[] {
  const then = shownColumns(envelope, draft.schema, draft.read);
  const moved = shownColumns(envelope, own.schema, own.read).flatMap(({ field }, i) =>
    field !== null && isSensitive(field, own.sensitive) ? (then[i]?.field ?? []) : [],
  );
  return [...new Set([...own.sensitive, ...draft.sensitive, ...moved])];
}

type Asked = Omit<Looked, "format">;

/** The beginning of the stored body. Throws gone, wrong-columns. */
async function ofBody(intake: Intake, batch: BatchRow, asked: Asked, signal: AbortSignal): Promise<CheckedBody> {
  const { format, envelope } = batch;
  const reading = readingOf(format, asked.policy.policy, { isKnown: true });
  if (envelope.header) reading.checkColumns?.(envelope.header);
  const findings = new Findings(intake, { ...asked, format, isDelivered: true });
  if (batch.chunks === 0) throw gone();
  for (let no = 0, bytes = 0; no < batch.chunks && bytes < MOST_BYTES && !findings.isFull; no++) {
    const stored = await intake.store.readChunk(batch.id, no);
    if (!stored) throw gone();
    const { codec, body, ...chunk } = stored;
    const decoded = await decode(codec, body);
    const data = envelope.corrects ? numbersOf(decoded).data : decoded;
    findings.take([{ ...chunk, data }]);
    bytes += data.length;
  }
  return findings.end(envelope, findings.records < batch.records, signal);
}

const gone = () =>
  new Problem(
    "gone",
    "The body of the batch is not kept any longer. Its rejected records are kept: send only=rejected.",
  );

/** Its first rejected records, with their numbers and lines in the batch. Throws illegal-state, wrong-columns. */
async function ofRejected(intake: Intake, batch: BatchRow, asked: Asked, signal: AbortSignal): Promise<CheckedBody> {
  if (batch.rejected === 0)
    throw new Problem("illegal-state", "No record of the batch was rejected.", { current: batch.state });
  const records = new RejectedRecords(intake.store, batch);
  const looked = { ...asked, format: retried(batch.format).format };
  const reading = { encoding: UTF_8, dialect: dialectOf(batch.envelope), hasHeader: true, isKnown: true };
  const splitter = records.splitToLook(splitterFor(looked, reading));
  const found = await checkedWith(intake, looked, splitter, { pieces: beginningOf(records.body()), signal });
  const { groups } = found.errors;
  return {
    ...found,
    partial: found.partial || batch.unlisted > 0,
    errors: { ...found.errors, groups: groups.map((group) => ({ ...group, ...firstOf(records, group.firstRecord) })) },
    records: found.records.map((one) => ({ ...one, ...records.origin(one.record) })),
  };
}

function firstOf(records: RejectedRecords, first: number) {
  const { record: firstRecord, line: firstLine } = records.origin(first);
  return { firstRecord, firstLine };
}

/** The pieces up to the one with which they are more than is looked at. */
async function* beginningOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    yield piece;
    bytes += piece.length;
    if (bytes > MOST_BYTES) return;
  }
}
