/** The calls of operators that list and count batches, by their routes below /admin. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { pageSchema } from "../http/pages.ts";
import { filterNames } from "../routes/batch-filter.ts";
import { operatorBatch } from "./examples.batches.ts";
import { type Call, content } from "./kit.ts";
import type { ParameterName } from "./parameters.ts";

/** The names of the query parameters that filter batches. */
const ofFilter: ParameterName[] = filterNames.map((name) =>
  name === "format" ? "batchFormat" : name === "errorCode" ? "batchErrorCode" : name,
);

export const batchListCalls = {
  "GET /batches": {
    id: "listBatches",
    summary: "List and search the batches of all clients",
    description:
      "The newest first. A page that had to look at many batches which do not match may have fewer items than its limit, or none, and goes on at `next` all the same. `createdFrom` and `createdTo` bound what is looked at.",
    parameters: [...ofFilter, "order", "limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("OperatorBatch"), { page: { items: [operatorBatch], next: null } }),
      },
    },
  },
  "GET /batches/counts": {
    id: "countBatches",
    summary: "Count the batches of each state",
    description:
      "Of the same filters as the list. Each count is bounded; `isMore` says that there are more, or, where it had to look at too many batches which do not match, that there may be.",
    parameters: ofFilter,
    answers: {
      200: {
        description: "A count for each state; with `status`, for those alone.",
        content: content(schemaRef("BatchCounts"), {
          counts: { ready: { value: 12, isMore: false }, completed: { value: 10_000, isMore: true } },
        }),
      },
    },
  },
} satisfies Record<string, Call>;
