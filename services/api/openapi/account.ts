/** The descriptions of the calls of a client about itself. */
import { accountSchema } from "../routes/account.ts";
import { rotatedSchema, rotation } from "../routes/admin.clients.ts";
import { client, secret, webhook } from "./examples.ts";
import { bodyProblems, type Call, content } from "./kit.ts";

export const accountCalls = {
  "GET /account": {
    id: "getAccount",
    summary: "See who you are, and how old your secrets are",
    answers: {
      200: {
        description: "The client. Secrets are never shown.",
        content: content(accountSchema, {
          account: {
            id: client.id,
            clientIdentifier: client.clientIdentifier,
            name: client.name,
            status: client.status,
            createdAt: client.createdAt,
            features: { rotateSecret: true },
            key: { name: "default", expiresAt: null, scopes: ["import", "read"] },
            secret: { createdAt: "2026-11-23T08:00:00.000Z", previousValidUntil: "2026-11-24T08:00:00.000Z" },
            webhook: { ...webhook, secret: { createdAt: "2026-11-01T09:30:00.000Z", previousValidUntil: null } },
          },
        }),
      },
    },
  },
  "POST /account/rotate-secret": {
    id: "rotateOwnSecret",
    summary: "Give yourself another secret",
    description:
      "Only where the operators allow it (`features.rotateSecret`), and only by your newest secret. A session goes on with the new one.",
    body: { isOptional: true, content: content(rotation.schema, { inADay: {}, atOnce: { graceSeconds: 0 } }) },
    answers: {
      200: {
        description: "Both secrets are valid until then.",
        headers: ["Cache-Control", "Set-Cookie?"],
        content: content(rotatedSchema, { rotated: { secret, previousValidUntil: "2026-11-24T08:00:00.000Z" } }),
      },
    },
    problems: [...bodyProblems, "forbidden"],
  },
} satisfies Record<string, Call>;
