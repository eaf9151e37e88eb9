/** The units that end waits, and those that delete: chunks, errors, records, whole batches, and persons. */

import { caseList, event, hex, marked, move, n } from "./statements.kit.ts";

const { cases, add } = caseList();
export const removalCases = cases;

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
