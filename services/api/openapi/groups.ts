/** The groups of calls: who may make them, and what all calls of a group have in common. */
import type { ProblemCode } from "../../../lib/errors.ts";
import { accountCalls } from "./account.ts";
import { batchReadCalls } from "./admin.batches.ts";
import { adminClientCalls } from "./admin.clients.ts";
import { operatorsCalls } from "./admin.operators.ts";
import { systemCalls } from "./admin.system.ts";
import { batchListCalls } from "./batch-lists.ts";
import { checkCalls, checkOperatorCalls } from "./checks.ts";
import { clientCalls } from "./clients.ts";
import { correctionCalls } from "./corrections.ts";
import { datasetCalls, datasetOperatorCalls } from "./datasets.ts";
import { deliveryCalls, ownDeliveryCalls } from "./deliveries.ts";
import { erasureCalls } from "./erasures.ts";
import { feedCalls, figureCalls } from "./figures.ts";
import type { HeaderName } from "./headers.ts";
import { keyCalls } from "./keys.ts";
import type { Call } from "./kit.ts";
import { openCalls } from "./open.ts";
import { operatorCalls } from "./operators.ts";
import { sessionCalls } from "./sessions.ts";
import { versionCalls } from "./versions.ts";

interface Group {
  name: string;
  description: string;
  /** The path in front of all routes of the group. */
  path: string;
  calls: Record<string, Call>;
  /** The security scheme. Absent if anybody may make the calls of the group. */
  scheme?: Record<string, unknown>;
  /**
   * The headers, beside X-Request-Id, of every answer to an authorized caller. A problem has these headers only if the
   * rate limit counted its request.
   */
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
    description:
      "For partners: send records, follow their batch, read the result. Every call spends a request. Where OIDC_CLIENT_CLAIM is set, `Authorization: Bearer` with a token of OIDC_ISSUER is taken too.",
    path: "",
    calls: {
      ...clientCalls,
      ...datasetCalls,
      ...checkCalls,
      ...correctionCalls,
      ...ownDeliveryCalls,
      ...accountCalls,
      ...feedCalls,
    },
    scheme: {
      type: "http",
      scheme: "basic",
      description: "The client's identifier, and the secret of one of its keys.",
    },
    spent: ["RateLimit-Policy", "RateLimit"],
    problems: [...loggedIn, "client-disabled", "forbidden", "cross-site", "quota-exceeded"],
  },
  {
    name: "operators",
    description: "For operators: clients, their policies, datasets, all batches, and webhooks.",
    path: "/admin",
    calls: {
      ...operatorCalls,
      ...batchReadCalls,
      ...batchListCalls,
      ...datasetOperatorCalls,
      ...checkOperatorCalls,
      ...operatorsCalls,
      ...adminClientCalls,
      ...keyCalls,
      ...deliveryCalls,
      ...systemCalls,
      ...erasureCalls,
      ...figureCalls,
      ...versionCalls,
    },
    scheme: {
      type: "http",
      scheme: "bearer",
      description: "ADMIN_TOKEN, an operator's own token, or one of OIDC_ISSUER.",
    },
    spent: [],
    problems: [...loggedIn, "forbidden", "cross-site"],
  },
  {
    name: "sessions",
    description: "For people: log in with a cookie, which the console uses. Programs send `Authorization`.",
    path: "",
    calls: sessionCalls,
    spent: [],
    problems: ["validation", "invalid-header", "unavailable"],
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
