/** The calls about sessions, by which people log in and out. */
import { loginSchema, sessionSchema } from "../routes/session.ts";
import { client, secret } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody } from "./kit.ts";

const whose: Record<number, Answer> = {
  200: {
    description: "Whose session it is. The cookie holds for 12 hours, and for 2 without use.",
    headers: ["Cache-Control", "Set-Cookie?"],
    content: content(sessionSchema, {
      operator: { role: "admin", name: "admin", expiresAt: "2026-11-23T10:00:00.000Z" },
      partner: { role: "partner", name: client.name, client, expiresAt: "2026-11-23T10:00:00.000Z" },
    }),
  },
};

export const sessionCalls = {
  "POST /session": {
    id: "login",
    summary: "Log in, as an operator or as a client",
    description:
      "`token`: ADMIN_TOKEN, an operator's own token, or a token of OIDC_ISSUER, with which the session ends. Sets the cookie `dataflow_session`, which is good for all calls of that operator or client. Without `Sec-Fetch-Site: same-origin`, `Origin` must name this host. `Authorization` goes before the cookie.",
    parameters: ["Origin"],
    body: {
      content: content(loginSchema, {
        operator: { token: "dfo_k3v9q0x1m2ab_PqB4Zt0uXn8vJ2kR6sW1yLc5dF7gH9aE3mT0iUoQxZs" },
        partner: { clientIdentifier: client.clientIdentifier, secret },
      }),
    },
    answers: whose,
    problems: [
      ...bodyProblems,
      "unauthenticated",
      "too-many-failed-logins",
      "client-disabled",
      "forbidden",
      "cross-site",
    ],
  },
  "GET /session": {
    id: "getSession",
    summary: "See whose session this is",
    answers: whose,
    problems: ["unauthenticated"],
  },
  "DELETE /session": {
    id: "logout",
    summary: "Log out",
    parameters: ["Origin"],
    body: noBody,
    answers: { 204: { description: "The cookie is gone.", headers: ["Set-Cookie"] } },
    problems: [...bodyProblems, "cross-site"],
  },
} satisfies Record<string, Call>;
