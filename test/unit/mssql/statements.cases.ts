/** Every unit of the stores, in its variants. */

import { runnerOn } from "../../../database/dialects/mssql/render.ts";
import type { Sql } from "../../../database/dialects/mssql/sql.ts";
import { clockOn, evidenceOn } from "../../../database/units/reads.ts";
import { Units } from "../../../database/units/unit.ts";
import type { AuditDraft } from "../../../services/audit/audit.domain.ts";
import type { BatchWalk } from "../../../services/batch/batch.filter.domain.ts";
import type { ToldMove } from "../../../services/batch/batch.history.domain.ts";
import type { ChunkCommit, Move } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { noFigures } from "../../../services/stats/stats.domain.ts";
import type { AttemptRecord } from "../../../services/webhook/webhook.domain.ts";
import {
  type Case,
  chunk,
  chunkCommit,
  end,
  event,
  fault,
  hex,
  key,
  keys,
  marked,
  markedId,
  move,
  NUMBER,
  n,
  newBatch,
  quota,
  reason,
  told,
  upload,
} from "./statements.kit.ts";

export const cases: Case[] = [];
const add = (name: string, run: Case["run"], answers: unknown[][] = []) => cases.push({ name, run, answers });

/** A decided unit looks for a reason where nothing was written: this one finds an upload that runs. */
const RUNNING = [[], [{ batchId: 1, fingerprint: null, answer: null }]];
const smallPost = (name: string, over: () => Partial<UploadCommit>, answers: unknown[][] = RUNNING) =>
  add(`commitUpload: ${name}`, ({ store }) => store.commitUpload(upload(over())), answers);
const SWEPT: unknown[][] = [];
/** Refused by a key that is over: what stands in the way is deleted, and the second try is refused for good. */
const once = () => ({ dedup: { keepMs: n() }, quota: quota() });
const STALE = [[], [], [], [], [], [], [], ...RUNNING];

smallPost("small", () => ({ id: n() }), SWEPT);
add("commitUpload: a small body", ({ store }) => store.commitUpload(upload({ events: [event(), told()] })), [
  [{ id: 1, state: "ready", envelope: "{}", reason: null, contentHash: null, event0: 5, event1: 6 }],
]);
smallPost("with a key", () => ({ key: key(), state: "held", due: null, reason: reason() }));
smallPost("with content", () => ({ key: key(), dedup: { keepMs: n() }, events: [told("batch.completed")] }), STALE);
smallPost("with quotas", () => ({ key: key(), dedup: { keepMs: n() }, quota: quota() }));
smallPost("with a quota of bytes alone", () => ({ key: key(), quota: { bytes: n(), records: null } }));
smallPost("with a quota of nothing", () => ({ key: key(), quota: { bytes: null, records: null } }));
smallPost("rejected", () => ({ key: key(), state: "rejected", due: { at: n() }, reason: reason() }));
smallPost("a child", () => ({ key: key(), parent: { id: n(), publicId: markedId() } }));
smallPost("a large body with all", () => ({ id: n(), key: key(), dedup: { keepMs: n() }, quota: quota() }), SWEPT);
smallPost("checked only", () => ({
  ...once(),
  key: key(),
  phase: "check",
  isCheck: true,
  spent: { bytes: n(), records: 0 },
}));
smallPost(
  "a checked batch",
  () => ({ ...once(), id: n(), chunks: [], checked: { version: n() }, isIntoTable: true }),
  SWEPT,
);
const behind = (places: number | null = null) => ({ order: { lane: marked("lane"), places } });
smallPost("in a lane", () => ({ ...behind(), key: key(), state: "held", due: null, reason: reason() }));
smallPost("the next in a lane", () => behind(n()), [[], [{ places: 0 }]]);
smallPost("a large body in a lane, with a quota", () => ({ ...behind(), id: n(), quota: quota() }), SWEPT);
add("laneState", ({ store }) => store.laneState({ clientId: NUMBER, lane: "lane" }), [
  [{ clientId: NUMBER, lane: "lane", places: 0, front: null }],
]);
add("fronts", ({ store }) => store.fronts([n(), n()]));
add("leaveLane", ({ store }) => store.leaveLane(n()));
add("skipBatch", ({ store }) => store.skipBatch({ id: n(), version: n(), last: null }));
add("skipBatch: to the end", ({ store }) =>
  store.skipBatch({ id: n(), version: n(), last: { clientId: n(), lane: marked("lane") } }),
);
add("stalledLanes", ({ store }) => store.stalledLanes(n()));
add("move: into a lane", ({ store }) =>
  store.move(move({ from: "failed", to: "held", due: null, enters: { clientId: n(), lane: marked("lane") } })),
);

add("beginUpload", ({ store }) => store.beginUpload(newBatch(), n()), [[{ id: 1 }]]);
add("beginKeyedUpload", ({ store }) => store.beginKeyedUpload(newBatch(), n(), marked("key")), RUNNING);
add("appendChunks", ({ store }) => store.appendChunks(n(), [chunk(), chunk({ oversized: [], firstLine: null })], n()));
add("touchUploads", ({ store }) => store.touchUploads([n(), n()], n()));
add("voidUpload", ({ store }) => store.voidUpload(n(), false));
add("voidUpload: if its lease has passed", ({ store }) => store.voidUpload(n(), true));

const done = { batchId: NUMBER, fingerprint: Buffer.from("77", "hex"), answer: '{"status":202,"made":{}}' };
add("keyHolder", ({ store }) => store.keyHolder(n(), marked("key")), [[done], []]);
const answered =
  (id: number | null) =>
  ({ store }: Parameters<Case["run"]>[0]) =>
    store.answerKey(n(), key(), id, { status: 200, batch: { state: marked("state") } as never });
add("answerKey", answered(null), RUNNING);
add("answerKey: of an upload that has the key", answered(n()), RUNNING);
add("usage", ({ store }) => store.usage(n()), [[{ bytes: 0, records: 0, msLeft: 1 }]]);
add("forgetExpiredKeys", ({ store }) => store.forgetExpiredKeys(n()));
const ended = [{ clientId: NUMBER, scope: "orders:1" }];
const asked = { who: marked("who"), from: n(), to: n(), limit: n() };
add("listAudit", ({ store }) => store.listAudit({ ...asked, action: "batch.undo" }));
add("listAudit: about something", ({ store }) => store.listAudit({ subject: marked("subject"), limit: n() }));
add("forgetAudit", ({ store }) => store.forgetAudit(n(), n()));
const minute = { at: n(), clientId: n(), node: marked("node"), run: markedId(), ...noFigures() };
add("keepFigures", ({ store }) => store.keepFigures(minute));
const span = { clientId: n(), from: n(), to: n() };
add("figureHistory", ({ store }) => store.figureHistory({ ...span, stepMs: 60_000 }));
add("figureHistory: of hours", ({ store }) => store.figureHistory({ ...span, stepMs: 3_600_000 }));
add("rollFigures", ({ store }) => store.rollFigures(n(), n()));
add("forgetFigures", ({ store }) => store.forgetFigures(n(), n()));
add("forgetScopes", ({ store }) => store.forgetScopes(n()), [ended]);
add("forgetScopes: no key is left", ({ store }) => store.forgetScopes(n()), [ended, [{ changed: 0 }]]);

add("candidates", ({ store }) => store.candidates(n()));
const without = Array.from({ length: 16 }, (_, i) => ({ id: null, clientId: NUMBER + i }));
add("candidates: many clients have none", ({ store }) => store.candidates(n()), [without]);
add("repairQueues", ({ store }) => store.repairQueues(n(), n()));
add("queueOf", ({ store }) => store.queueOf(n()));
add("findClients", ({ store }) => store.findClients({ text: "a", limit: n() }));
add("findClients: of a dataset", ({ store }) => store.findClients({ dataset: "orders", limit: n() }));
add("findClients: of a status", ({ store }) => store.findClients({ text: "a", status: "active", limit: n() }));
add("clientUses", ({ store }) => store.clientUses([n(), n()]));
add("needyClients", ({ store }) => store.needyClients());
add("isOvertaken", ({ store }) => store.isOvertaken(n()));
add("setQueue", ({ store }) => store.setQueue(n(), n(), n()));
add("claim", ({ store }) => store.claim(n(), marked("owner"), n()));
add("claimGroup", ({ store }) => store.claimGroup([n()], marked("owner"), n()));
add("readChunk", ({ store }) => store.readChunk(n(), n()));

const committed = (name: string, over: () => Partial<ChunkCommit>) =>
  add(`commitChunk: ${name}`, ({ store }) => store.commitChunk(chunkCommit(over())));
const unique = (over = {}) => ({ duplicates: [], keys: keys(hex(), ""), freed: null, ...over });
committed("records", () => ({}));
committed("records and errors", () => ({ records: 4, errors: [fault(0), fault(2)] }));
committed("records, an error and one that is not listed", () => ({ records: 4, errors: [fault(0)], unlisted: [1] }));
const grouped = () => {
  const group = { field: marked("field"), code: marked("code"), count: n(), firstRecord: n(), firstLine: n() };
  return { groups: [{ ...group, message: marked("message"), values: [marked("value")] }], other: n() };
};
committed("groups of errors", () => ({ grouped: grouped() }));
committed("errors alone, in a validating pass", () => ({
  text: Buffer.from(""),
  errors: [fault(1)],
  next: { phase: "validate", chunk: n() },
}));
committed("unique keys", () => ({ unique: unique() }));
committed("unique keys, errors and duplicates, at the end", () => ({
  records: 4,
  errors: [fault(0)],
  unique: unique({ duplicates: [3] }),
  end: end({ events: [told("batch.completed")] }),
}));
committed("unique keys that end", () => ({ unique: unique({ keepMs: n() }) }));
committed("reservations that end", () => ({
  text: Buffer.from(""),
  unique: unique({ keys: "", freed: [], keepMs: n() }),
}));
committed("reservations", () => ({ text: Buffer.from(""), unique: unique({ keys: "", freed: [hex()] }) }));
// What is loaded with few rows is a variable, beside those of the end.
committed("reservations, at the end", () => ({
  text: Buffer.from(""),
  unique: unique({ keys: "", freed: [hex()] }),
  end: end({ events: [event()] }),
}));
committed("reservations, and keys that others have", () => ({
  text: Buffer.from(""),
  unique: unique({ keys: "", freed: [], taken: [hex()] }),
}));
committed("reservations that all stay", () => ({ text: Buffer.from(""), unique: unique({ keys: "", freed: [] }) }));
committed("reservations that mark corrections", () => ({
  text: Buffer.from(""),
  unique: unique({ keys: "", freed: [hex()], marks: { first: n(), from: hex(), to: hex() } }),
}));
committed("the end, with its chunks deleted", () => ({ end: end({ purge: true, events: [event(), told()] }) }));
committed("a validating pass that ends", () => ({
  text: Buffer.from(""),
  end: end({ state: "held", due: null, events: [] }),
}));
committed("with rows of a table elsewhere", () => ({
  counts: { accepted: n(), rejected: n(), duplicate: n(), rows: { created: n(), updated: n(), deleted: n() } },
}));
const together = (name: string, commits: () => ChunkCommit[]) =>
  add(`commitChunks: ${name}`, ({ store }) => store.commitChunks(commits()));
together("that go on", () => [chunkCommit(), chunkCommit({ text: Buffer.from("") })]);
together("one with unique keys and errors, one that ends", () => [
  chunkCommit({ records: 4, errors: [fault(0)], unlisted: [1], unique: unique({ keepMs: n() }) }),
  chunkCommit({ end: end({ purge: true, events: [event(), told("batch.completed")] }) }),
]);
together("one that reserved keys is committed by itself", () => [
  chunkCommit(),
  chunkCommit({ text: Buffer.from(""), unique: unique({ keys: "", freed: [] }) }),
]);
add("takenKeys", ({ store }) => store.takenKeys(n(), [hex(), hex()]));
add("keptKeys", ({ store }) => store.keptKeys(n(), [hex(), hex()]));
add("reserveKeys", ({ store }) => store.reserveKeys(n(), n(), n(), [hex(), hex()]));
add("extendLeases", ({ store }) => store.extendLeases(marked("owner"), [n(), n()], n()));

const moved = (name: string, over: () => Partial<Move>) =>
  add(`move: ${name}`, ({ store }) => store.move(move(over())));
moved("a hand-back", () => ({ attempt: "uncount", fence: n() }));
moved("worker lost", () => ({ to: "failed", onlyDue: true, reason: reason(), events: [told("batch.completed")] }));
moved("an approval", () => ({ from: "held", version: n(), events: [event()] }));
/** Each parameter with a mark of its own, as the others have. */
const entry = (): AuditDraft => ({
  publicId: markedId(),
  who: marked("who"),
  role: marked("role") as "admin",
  address: marked("address"),
  requestId: marked("request"),
  action: marked("action") as "batch.undo",
  subjectType: marked("type") as "batch",
  subjectId: marked("subject"),
  subjectName: marked("name"),
  change: marked("change"),
  reason: marked("reason"),
  status: marked("status"),
});
const entered = (): ToldMove => ({
  from: marked("from") as "held",
  kind: marked("kind") as "operator",
  who: marked("who"),
  code: marked("code"),
  detail: marked("detail"),
  reason: marked("reason"),
  was: { code: marked("code"), detail: marked("detail"), at: n() },
});
moved("a hold that the history tells", () => ({ to: "held", fence: n(), told: entered() }));
add("skipBatch: with its entry in the history", ({ store }) =>
  store.skipBatch({ id: n(), version: n(), last: null, told: entered() }),
);
add("moves", ({ store }) => store.moves(n()));
smallPost("a child with its audit row", () => ({
  key: key(),
  parent: { id: n(), publicId: markedId() },
  audit: entry(),
}));
moved("an approval with its audit row", () => ({ from: "held", version: n(), events: [event()], audit: entry() }));
add("skipBatch: with its audit row", ({ store }) =>
  store.skipBatch({ id: n(), version: n(), last: null, audit: entry() }),
);
add("replayDelivery: with its audit row", ({ deliveries }) =>
  deliveries.replayDelivery({ publicId: markedId(), clientId: n() }, entry()),
);
moved("a failed attempt", () => ({ failed: { node: marked("node"), ...reason() } }));
const counted = () => ({ accepted: n(), rejected: n(), duplicate: n(), created: n(), updated: n(), deleted: n() });
moved("with a chunk elsewhere", () => ({ to: "cancelled", applied: { nextChunk: n(), counts: counted() } }));
moved("driven again", () => ({ from: "failed", attempt: "reset", restart: "validate" }));
moved("held", () => ({ from: "received", to: "held", due: { at: n() }, reason: { hold: "window", until: n() } }));
moved("held after its check", () => ({
  to: "held",
  due: null,
  attempt: "uncount",
  reason: reason(),
  events: [event("batch.held")],
}));
moved("delivered after its check", () => ({ attempt: "uncount", restart: "deliver" }));
moved("cancelled", () => ({ from: "ready", to: "cancelled", due: null }));

add("due", ({ store }) => store.due("held", n()));
add("voided", ({ store }) => store.voided(n()));
add("voidLeases", ({ store }) => store.voidLeases());
const PIECE = [{ gone: 1, last: null }];
add("purgeChunks", ({ store }) => store.purgeChunks(n(), n(), { inMs: n() }), [PIECE]);
add("deleteBatch", ({ store }) => store.deleteBatch(n(), n()), [PIECE, [], PIECE, [], PIECE]);
add("heldClients", ({ store }) => store.heldClients([n(), n()]));
add("deferHeld", ({ store }) => store.deferHeld([n(), n()], n()));
add("staleErrors", ({ store }) => store.staleErrors(n()));
const at = () => ({ erasure: n(), version: n(), id: n() });
const found = () => ({ seqs: [n(), n()], upTo: n(), touched: 1 as const });
const TAKEN = [[{ id: 1 }]];
add("eraseRecords", ({ store }) => store.eraseRecords(at(), found()), TAKEN);
add("eraseErrors", ({ store }) => store.eraseErrors(at(), { ...found(), pass: n() }), TAKEN);
add("eraseExamples", ({ store }) =>
  store.eraseExamples(at(), { pass: n(), name: marked("group"), examples: marked("kept"), message: null, n: n() }),
);
add("eraseDeliveries", ({ store }) => store.eraseDeliveries(at(), [n(), n()]));
add("emptyBody", ({ store }) => store.emptyBody(at()));
add("eraseChunks", ({ store }) => store.eraseChunks(n(), n()), [PIECE]);
add("eraseBatch", ({ store }) => store.eraseBatch(n(), n(), n()), [PIECE, [], PIECE, [], PIECE]);
add("erasedBatch", ({ store }) => store.erasedBatch({ dataset: marked("of"), clientId: null, after: n(), last: n() }));
add("erasedBatch: of a client", ({ store }) =>
  store.erasedBatch({ dataset: marked("of"), clientId: n(), after: n(), last: n() }),
);
add("lastBatch", ({ store }) => store.lastBatch());
add("heldWith", ({ store }) => store.heldWith(marked("of")));
add("groupTexts", ({ store }) => store.groupTexts(n()));
add("deliveryBodies", ({ store }) => store.deliveryBodies(n()));
add("clientBatches", ({ store }) => store.clientBatches(n(), n()));
add("eraseClientRows", ({ store }) => store.eraseClientRows(n(), n(), n()));
add("noteKeyUse", ({ store }) => store.noteKeyUse(n(), marked("key"), n()));
add("forgetKeyUse", ({ store }) => store.forgetKeyUse(n(), marked("key")));
add("keyUses", ({ store }) => store.keyUses(n()));
const stale = () => ({ batchId: n(), pass: n() });
add("undoRecords", ({ store }) => store.undoRecords(n(), n(), [hex(), hex()]));
add("undoMarks", ({ store }) => store.undoMarks(n(), n(), { after: hex(), to: hex() }, n()));
add("duplicatesOf", ({ store }) => store.duplicatesOf(n()));
add("move: to undone", ({ store }) =>
  store.move(move({ from: "undoing", to: "undone", events: [event("batch.undone")] })),
);
add("deleteStaleErrors", ({ store }) => store.deleteStaleErrors(stale(), n()), [PIECE]);
add("deleteStaleErrors: of some that are not taken", ({ store }) => store.deleteStaleErrors(stale(), n()));
add("deleteBatch: of one that is not taken", ({ store }) => store.deleteBatch(n(), n()));
add("batch", ({ store }) => store.batch(markedId(), null));
add("batch: of a client", ({ store }) => store.batch(markedId(), n()));
add("childOf", ({ store }) => store.childOf(n()));
add("list", ({ store }) => store.list({ limit: n() }));
add("list: by all", ({ store }) => store.list({ clientId: n(), state: "held", before: n(), limit: n() }));
add("list: of a dataset", ({ store }) => store.list({ clientId: n(), dataset: marked("dataset"), limit: n() }));
const wayOf = (way: BatchWalk["way"], filter: Partial<BatchWalk["filter"]> = {}, isFiltered = false): BatchWalk => ({
  way,
  filter: { states: ["held"], ...filter },
  isFiltered,
});
const between = () => ({ after: n(), before: n() });
const walked = (name: string, walk: () => BatchWalk, isOldestFirst = false) =>
  add(`walkBatches: ${name}`, ({ store }) => store.walkBatches(walk(), between(), { limit: n(), isOldestFirst }));
walked("all", () => wayOf("id"));
walked("by ids", () => wayOf("ids", { ids: [n(), n()] }));
walked("of a client, oldest first", () => wayOf("client", { clientId: n() }), true);
walked("in a state", () => wayOf("state", { state: "held" }));
walked("in a state, of a client", () => wayOf("stateOfClient", { state: "held", clientId: n() }));
walked("of a dataset", () => wayOf("dataset", { dataset: marked("dataset") }));
walked("of a client's dataset", () => wayOf("datasetOfClient", { clientId: n(), dataset: marked("dataset") }));
walked("of a request", () => wayOf("request", { requestId: marked("request") }));
walked("with a body", () => wayOf("checksum", { hash: hex() }));
walked("that send again", () => wayOf("retryOf", { retryOf: markedId() }));
walked("that correct", () => wayOf("corrects", { corrects: markedId() }));
walked("by all", () => wayOf("state", { state: "held", ...allOf() }, true));
const allOf = (): Partial<BatchWalk["filter"]> => ({
  clientId: n(),
  dataset: marked("dataset"),
  format: marked("format") as "csv",
  createdFrom: n(),
  createdTo: n(),
  finishedFrom: n(),
  finishedTo: n(),
  hasErrors: true,
  errorCode: marked("code"),
  retryOf: markedId(),
});
add("queuesOf", ({ store }) => store.queuesOf([n(), n()]));
add("stateCounts", ({ store }) => store.stateCounts());
add("countBatches", ({ store }) => store.countBatches(wayOf("state", { state: "held" }), between()));
add("countBatches: by all", ({ store }) => store.countBatches(wayOf("id", allOf(), true), between()));
add("idAt", ({ store }) => store.idAt(n()), [[{ id: 17 * 111 - 1 }]]);
add("finishedSpan", ({ store }) => store.finishedSpan(n(), n()));
add("idsFrom", ({ store }) => store.idsFrom(markedId(), markedId()));
const oneId = markedId();
add("idsFrom: a whole one", ({ store }) => store.idsFrom(oneId, oneId));
add("batchesOfKey", ({ store }) => store.batchesOfKey(marked("key"), null));
add("batchesOfKey: of a client", ({ store }) => store.batchesOfKey(marked("key"), n()));
add("keyOfBatch", ({ store }) => store.keyOfBatch(n()));
add("clientsNamed", ({ store }) => store.clientsNamed(marked("client"), n()));
add("changed", ({ store }) => store.changed([{ publicId: markedId(), version: n() }]));
add("errorSummary", ({ store }) => store.errorSummary(n()));
add("errors", ({ store }) => store.errors(n(), n(), n(), n()));
const PASS_FOUND = [[{ pass: 0 }]];
add("refused", ({ store }) => store.refused(n(), [n(), n()]), PASS_FOUND);
add("errorsOf", ({ store }) => store.errorsOf(n(), [n(), n()]), PASS_FOUND);
add("records", ({ store }) => store.records(n(), n(), n(), n()));
add("attempts", ({ store }) => store.attempts([n(), n()], n()));
add("stats", ({ store }) => store.stats());
add("forgetVersions", ({ store }) => store.forgetVersions(n()));
const version = { clientId: n(), dataset: marked("dataset") };
add("documentVersions", ({ store }) => store.documentVersions({ ...version, before: n(), limit: n() }));
add("keptVersions", ({ store }) => store.keptVersions(version));
add("forgetPins", ({ store }) => store.forgetPins(n()));
add("openBatches", ({ store }) => store.openBatches(marked("dataset")));
add("foldCounts", ({ store }) => store.foldCounts());
const on = (sql: Sql) => new Units(runnerOn(sql));
add("now", ({ sql }) => clockOn(on(sql))(), [[{ now: 1 }]]);
add("batchById", ({ sql }) => evidenceOn(on(sql)).batchById(n()));
add("untilFree", ({ sql }) => evidenceOn(on(sql)).untilFree([n(), n()]));
add("outboxOf", ({ sql }) => evidenceOn(on(sql)).outboxOf([event(), event()]));
add("takeOutbox", ({ store }) => store.takeOutbox(n(), n(), n()));
add("deleteOutbox", ({ store }) => store.deleteOutbox([n(), n()]));

add("acquireLock", ({ locks }) => locks.acquireLock(marked("lock"), marked("token"), n()));
add("extendLock", ({ locks }) => locks.extendLock(marked("lock"), marked("token"), n()));
add("releaseLock", ({ locks }) => locks.releaseLock(marked("lock"), marked("token")));
add("forgetLocks", ({ locks }) => locks.forgetLocks());

const taken = () => ({ limit: n(), leaseMs: n(), busy: [n()], claim: markedId() });
add("takeDeliveries", ({ deliveries }) => deliveries.takeDeliveries(taken()));
const attempt = (name: string, next: () => AttemptRecord["next"]) =>
  add(`recordAttempt: ${name}`, ({ deliveries }) =>
    deliveries.recordAttempt({
      id: n(),
      claim: markedId(),
      status: n(),
      error: marked("error"),
      ms: n(),
      next: next(),
    }),
  );
attempt("delivered", () => ({ state: "delivered" }));
attempt("later", () => ({ state: "pending", inMs: n(), isTry: true }));
attempt("given back", () => ({ state: "pending", inMs: n(), isTry: false }));
add("failDeliveries", ({ deliveries }) => deliveries.failDeliveries(n(), marked("error")));
add("replayDelivery", ({ deliveries }) => deliveries.replayDelivery({ publicId: markedId() }));
add("replayFailed", ({ deliveries }) => deliveries.replayFailed([n(), n()]));
add("replayFailed: with its audit row", ({ deliveries }) => deliveries.replayFailed([n()], entry()));
add("failedDeliveries", ({ deliveries }) => deliveries.failedDeliveries({ clientId: n(), since: n(), limit: n() }));
add("deliveryBody", ({ deliveries }) => deliveries.deliveryBody(n()));
add("listDeliveries", ({ deliveries }) => deliveries.listDeliveries({ limit: n() }));
add("listDeliveries: by all", ({ deliveries }) =>
  deliveries.listDeliveries({ batch: markedId(), publicId: markedId(), state: "failed", limit: n() }),
);
add("listDeliveries: of a client, with all filters", ({ deliveries }) =>
  deliveries.listDeliveries({
    clientId: n(),
    state: "failed",
    event: "batch.held",
    from: n(),
    to: n(),
    before: { createdAt: n(), id: n() },
    limit: n(),
  }),
);
add("voidClaims", ({ deliveries }) => deliveries.voidClaims());
