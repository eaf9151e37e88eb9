/** Every unit of the stores, with all its variants. */
import { runnerOn } from "../../../database/dialects/mssql/render.ts";
import type { Sql } from "../../../database/dialects/mssql/sql.ts";
import { clockOn, evidenceOn } from "../../../database/units/reads.ts";
import { Units } from "../../../database/units/unit.ts";
import type { ToldMove } from "../../../services/batch/batch.history.domain.ts";
import type { ChunkCommit, Move } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { noFigures } from "../../../services/stats/stats.domain.ts";
import { deliveryCases } from "./statements.deliveries.cases.ts";
import {
  type Case,
  caseList,
  chunk,
  chunkCommit,
  end,
  entry,
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
import { readCases } from "./statements.reads.cases.ts";
import { removalCases } from "./statements.removal.cases.ts";

const { cases: written, add } = caseList();

/** A unit that has written nothing looks for the reason. In this case it finds a running upload. */
const RUNNING = [[], [{ batchId: 1, fingerprint: null, answer: null }]];
const smallPost = (name: string, over: () => Partial<UploadCommit>, answers: unknown[][] = RUNNING) =>
  add(`commitUpload: ${name}`, ({ store }) => store.commitUpload(upload(over())), answers);
const SWEPT: unknown[][] = [];
/** An expired key refuses the first try. The unit deletes that key, and the second try is refused for good. */
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
// Few rows are loaded as a table variable, beside the variables of the batch's end.
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

add("noteKeyUse", ({ store }) => store.noteKeyUse(n(), marked("key"), n()));
add("forgetKeyUse", ({ store }) => store.forgetKeyUse(n(), marked("key")));
add("keyUses", ({ store }) => store.keyUses(n()));
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

export const cases = [...written, ...removalCases, ...readCases, ...deliveryCases];
