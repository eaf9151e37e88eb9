/** Who may make which calls, and what all calls of a group have in common. */
import type { ProblemCode } from "../../../lib/errors.ts";
import { clientCalls } from "./clients.ts";
import type { HeaderName } from "./headers.ts";
import type { Call } from "./kit.ts";
import { openCalls } from "./open.ts";
import { operatorCalls } from "./operators.ts";

interface Group {
  name: string;
  description: string;
  /** Before the routes of its calls. */
  path: string;
  calls: Record<string, Call>;
  /** The security scheme; none: anybody may. */
  scheme?: Record<string, unknown>;
  /** Of every answer to who may make these calls, beside X-Request-Id; of a problem only once a request was spent. */
  spent: HeaderName[];
  problems: ProblemCode[];
}

const loggedIn: ProblemCode[] = [
  "unauthenticated",
  "too-many-failed-logins",
  "validation",
  "invalid-header",
  "unavailable",
];

export const groups: Group[] = [
  {
    name: "clients",
    description: "What partners do: send records, follow them, read what came of them. Every call spends a request.",
    path: "",
    calls: clientCalls,
    scheme: { type: "http", scheme: "basic", description: "The client's identifier and secret." },
    spent: ["RateLimit-Policy", "RateLimit"],
    problems: [...loggedIn, "client-disabled", "quota-exceeded"],
  },
  {
    name: "operators",
    description: "What operators do with clients, their policies, all batches and webhooks.",
    path: "/admin",
    calls: operatorCalls,
    scheme: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN." },
    spent: [],
    problems: loggedIn,
  },
  {
    name: "operations",
    description: "Health, metrics and this document.",
    path: "",
    calls: openCalls,
    spent: [],
    problems: ["invalid-header"],
  },
];
