/** The calls of operators about versions of policies and datasets, by their routes below /admin. */

import { pageSchema } from "../http/pages.ts";
import { cursor } from "./examples.ts";
import { type Answer, type Call, content } from "./kit.ts";

const versions = (...items: object[]): Record<number, Answer> => ({
  200: { description: "A page.", content: content(pageSchema("DocumentVersion"), { page: { items, next: cursor } }) },
});
const changed = { version: 8, at: "2026-11-23T08:00:00.000Z", by: "alice", changed: ["maxErrors", "schema"] };
const deleted = { version: 9, at: "2026-11-23T09:00:00.000Z", by: "bob", changed: [], deleted: true };

export const versionCalls = {
  "GET /clients/:id/policy/versions": {
    id: "listPolicyVersions",
    summary: "List the versions of a client's policy, newest first",
    description:
      "The newest 100 are kept. Of versions that were made before this list was, nobody knows `by` and `changed`: they are null.",
    parameters: ["limit", "cursor"],
    answers: versions(changed),
  },
  "GET /datasets/:name/versions": {
    id: "listDatasetVersions",
    summary: "List the versions of a dataset, newest first",
    description: "As of a policy. A dataset that was deleted keeps its list, in which the deletion is a version too.",
    parameters: ["limit", "cursor"],
    answers: versions(deleted, changed),
  },
} satisfies Record<string, Call>;
