/** The calls of admins about the keys of clients, by their routes below /admin. */
import { schemaRef } from "../../../lib/json-schema.ts";
import { MOST_KEYS } from "../../clientCache/clientCache.contract.ts";
import { keysSchema, newKey, newKeySchema } from "../routes/admin.keys.ts";
import { ids, secret } from "./examples.ts";
import { bodyProblems, type Call, content, noBody } from "./kit.ts";

const own = {
  id: "default",
  name: "default",
  createdAt: "2026-11-23T08:00:00.000Z",
  expiresAt: null,
  allowedCidrs: null,
  scopes: ["import", "read"],
  lastUsedAt: "2026-11-23T08:01:00.000Z",
};
const nightly = {
  ...own,
  id: ids.key,
  name: "nightly-job",
  expiresAt: "2099-12-31T23:59:59.000Z",
  allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"],
  scopes: ["import"],
};

export const keyCalls = {
  "POST /clients/:id/keys": {
    id: "createKey",
    summary: "Give a client a further key",
    description:
      `The client logs in with its identifier and the secret of any of its keys: up to ${MOST_KEYS} beside \`default\`, which is its own secret. ` +
      "A key that is over, or not for the request's address, is refused as a wrong secret is; a call beyond its scopes is 403 `forbidden`. The audit has why.",
    body: {
      content: content(newKey.schema, {
        key: { name: "console" },
        narrow: {
          name: "nightly-job",
          expiresAt: "2099-12-31T23:59:59Z",
          allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"],
          scopes: ["import"],
        },
      }),
    },
    answers: {
      201: {
        description: "The key with its secret. No other answer shows the secret.",
        headers: ["Location", "Cache-Control"],
        content: content(newKeySchema, { key: { ...nightly, lastUsedAt: null, secret } }),
      },
    },
    problems: [...bodyProblems, "conflict"],
  },
  "GET /clients/:id/keys": {
    id: "listKeys",
    summary: "List the keys of a client",
    answers: {
      200: {
        description: "All of them: `default`, then the oldest first.",
        content: content(keysSchema, { keys: { items: [own, nightly], next: null } }),
      },
    },
  },
  "GET /clients/:id/keys/:keyId": {
    id: "getKey",
    summary: "See a key of a client",
    answers: { 200: { description: "The key.", content: content(schemaRef("ClientKey"), { key: nightly }) } },
  },
  "DELETE /clients/:id/keys/:keyId": {
    id: "deleteKey",
    summary: "Delete a key of a client",
    description:
      "Its running requests and its sessions end, as with a secret that is revoked. `default` stays: give it another secret with rotate-secret.",
    body: noBody,
    answers: { 204: { description: "It is deleted." } },
    problems: [...bodyProblems, "conflict"],
  },
} satisfies Record<string, Call>;
