/** The table of erasures. A row stays: it tells what was deleted, and when. */
import type { ErasureState, ErasureStep } from "../../services/retention/retention.domain.ts";
import { table, typed } from "./table.ts";

export const erasure = table(
  "erasure",
  {
    id: "id",
    publicId: "uuid",
    state: typed<ErasureState>("name"),
    /** The client whose batches are looked at. Null: all clients with the dataset. */
    clientId: "bigint?",
    clientPublicId: "uuid?",
    clientIdentifier: "name?",
    /** The last version of the client that was erased. One that takes its identifier goes on from there, for the caches. */
    clientVersion: "bigint?",
    /** The dataset of a person's records. Null: the whole client is erased. */
    dataset: "name?",
    /** JSON of the names of the fields in `criteria`. */
    fields: "text?",
    /** JSON of the values by field. Null as soon as the erasure is done. */
    criteria: "text?",
    /** What it waits for, in words. */
    waits: "text?",
    /** The last batch that is looked at. */
    lastBatch: "bigint",
    /** The batch before the one that is looked at now. */
    afterBatch: "bigint",
    step: typed<ErasureStep>("name"),
    /** How far the step is in its batch. */
    seq: "bigint",
    /** 1: something of this batch was deleted. */
    touched: "int",
    /** The first batch that was passed by because it had not ended. */
    skipped: "bigint?",
    /** Rises with each change of the position. */
    version: "bigint",
    dueAt: "bigint",
    batches: "bigint",
    records: "bigint",
    errors: "bigint",
    examples: "bigint",
    bodies: "bigint",
    deliveries: "bigint",
    uniqueKeys: "bigint",
    createdAt: "bigint",
    finishedAt: "bigint?",
  },
  { key: ["id"], writers: ["clientCache", "retention"] },
);
