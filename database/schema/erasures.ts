/** The table of erasures. Its rows are never deleted, because they prove what was deleted, and when. */
import type { ErasureState, ErasureStep } from "../../services/retention/retention.domain.ts";
import { table, typed } from "./table.ts";

export const erasure = table(
  "erasure",
  {
    id: "id",
    publicId: "uuid",
    state: typed<ErasureState>("name"),
    /** The client whose batches the erasure searches. Null: all clients with the dataset. */
    clientId: "bigint?",
    clientPublicId: "uuid?",
    clientIdentifier: "name?",
    /**
     * The erased client's last version. A new client with its identifier starts after it, so that caches notice the
     * change.
     */
    clientVersion: "bigint?",
    /** The dataset in which a person's records are erased. Null: the whole client is erased. */
    dataset: "name?",
    /** JSON of the names of the fields in `criteria`. */
    fields: "text?",
    /**
     * JSON of the values to search for, by field. Null as soon as the erasure is done, because they are personal data.
     */
    criteria: "text?",
    /** What the erasure waits for, in words. */
    waits: "text?",
    /** The id of the last batch to search. */
    lastBatch: "bigint",
    /** The search goes on with the first batch after this id. */
    afterBatch: "bigint",
    step: typed<ErasureStep>("name"),
    /** How far the current step has come in the current batch. */
    seq: "bigint",
    /** 1: the erasure has deleted something of the current batch. */
    touched: "int",
    /** The first batch that the search skipped because the batch had not ended. */
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
