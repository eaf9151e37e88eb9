/** The units that read batches: lists, searches, errors, records and attempts. */
import type { BatchWalk } from "../../../services/batch/batch.filter.domain.ts";
import { caseList, hex, marked, markedId, n } from "./statements.kit.ts";

const { cases, add } = caseList();
export const readCases = cases;

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
