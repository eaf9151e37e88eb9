/** The commands for clients, their erasures, their policies and their rate limits. */

import type { ServiceBroker } from "moleculer";
import { Problem } from "../lib/errors.ts";
import { actors } from "../services/actors.ts";
import type { Client } from "../services/clientCache/clientCache.contract.ts";
import { handlersOf } from "../services/monitor/monitor.about.ts";
import { looksAt, usageOf } from "../services/monitor/monitor.usage.ts";
import type { TableLook } from "../services/policy/policy.contract.ts";
import { type Args, age, type Command, operand, say } from "./answer.ts";

const A_PAGE = 200;
const ENTRIES = 50;
/** How many characters of a change are shown. `GET /admin/audit` shows all. */
const SHOWN = 80;

/** Finds a client by its id or its identifier. Throws not-found. */
export async function clientNamed(broker: ServiceBroker, name: string): Promise<Client> {
  const byId = await actors.clientCache.get(broker, { publicId: name });
  if (byId) return byId;
  for (let before: number | undefined; ; ) {
    const page = await actors.clientCache.list(broker, { limit: A_PAGE, ...(before !== undefined && { before }) });
    const found = page.find(({ identifier }) => identifier === name);
    if (found) return found;
    if (page.length < A_PAGE) throw new Problem("not-found", `There is no client "${name}".`);
    before = page.at(-1)?.id;
  }
}

export const nameOf = async (broker: ServiceBroker, id: number) =>
  (await actors.clientCache.get(broker, { id }))?.identifier ?? null;

function clientLine({ publicId: id, identifier, name, status, ...client }: Client) {
  const { legalHold, policyVersion, pausedAt, createdAt } = client;
  const states = { policy: `v${policyVersion}`, hold: legalHold ? "legal" : null, paused: age(pausedAt) };
  return { id, identifier, name, status, ...states, age: age(createdAt) };
}

/** Pauses or resumes a client. Throws not-found, validation. */
async function turned(broker: ServiceBroker, what: string, args: Args): Promise<Client> {
  if (what !== "pause" && what !== "resume")
    throw new Problem("validation", `clients takes pause or resume, not "${what}".`);
  const { publicId } = await clientNamed(broker, operand(args, "client") ?? "");
  const { reason } = args.options;
  const given = { publicId, ...(reason !== undefined && { reason: String(reason) }) };
  return actors.clientCache[what](broker, given);
}

const clients: Command = {
  command: "clients [what] [client]",
  description:
    "The newest clients; `clients pause ID` lets the batches of one wait (its id or identifier), `clients resume ID` go on",
  options: [{ option: "--reason <text>", description: "For the audit" }],
  async run(broker, args) {
    const what = operand(args, "what");
    if (what !== undefined) return { rows: [clientLine(await turned(broker, what, args))] };
    const rows = (await actors.clientCache.list(broker, { limit: A_PAGE })).map(clientLine);
    return rows.length > 0 ? { rows } : say("There is no client yet.");
  },
};

const operators: Command = {
  command: "operators",
  description: "The operators, their roles, and when their tokens end",
  async run(broker) {
    const found = await actors.operator.list(broker, { limit: A_PAGE });
    const rows = found.map(({ name, role, expiresAt, createdAt }) => {
      return {
        name,
        role,
        ends: expiresAt === null ? "never" : new Date(expiresAt).toISOString(),
        age: age(createdAt),
      };
    });
    return rows.length > 0 ? { rows } : say("There is no operator but that of ADMIN_TOKEN.");
  },
};

const audit: Command = {
  command: "audit [who]",
  description: "The newest entries of the audit, or those of an operator",
  async run(broker, args) {
    const who = operand(args, "who");
    const found = await actors.audit.list(broker, { limit: ENTRIES, ...(who !== undefined && { who }) });
    const rows = found.map(({ at, who: by, address, action, subjectId, subjectName, change, reason, status }) => {
      const on = subjectName ?? subjectId;
      return { age: age(at), who: by, from: address, action, on, status, change: change?.slice(0, SHOWN), reason };
    });
    return rows.length > 0 ? { rows } : say("There is no entry yet.");
  },
};

const limits: Command = {
  command: "limits <client>",
  description: "What is left of a client's requests (its id or identifier)",
  async run(broker, args) {
    const client = await clientNamed(broker, operand(args, "client") ?? "");
    const { policy } = await actors.policy.get(broker, { clientId: client.id });
    const looks = await looksAt({ broker }, client, policy);
    if (looks.length === 0) return say("There is no api node, so nobody counts requests.");
    const silent = looks.filter(({ look }) => !look).map(({ node }) => `${node} does not answer`);
    const told = looks.flatMap(({ node, look }) => (look ? [{ node, look }] : []));
    // All nodes share one counter in Redis, so one row is enough.
    const shared = told.find(({ look }) => look.store === "redis");
    const own = told.filter(({ look }) => look.store !== "redis");
    const rows = [...(shared ? [{ ...shared, node: "all" }] : []), ...own].map(({ node, look }) => {
      const { store, limit, windowSeconds, used, remaining, resetSeconds } = look;
      return {
        node,
        "counted in": store,
        limit: `${limit} in ${windowSeconds} s`,
        used,
        remaining,
        "reset in": `${resetSeconds} s`,
      };
    });
    return { rows, notes: silent };
  },
};

const datasets: Command = {
  command: "datasets [client]",
  description: "The datasets, or those of a client (its id or identifier)",
  async run(broker, args) {
    const name = operand(args, "client");
    if (name === undefined) {
      const found = await actors.policy.datasets(broker, { limit: A_PAGE });
      const rows = found.map(({ name, description, version, clients, changedAt }) => {
        return { name, description, version: `v${version}`, clients, changed: age(changedAt) };
      });
      return rows.length > 0 ? { rows } : say("There is no dataset yet.");
    }
    const { id: clientId } = await clientNamed(broker, name);
    const grants = await actors.policy.grants(broker, { clientId, limit: A_PAGE });
    const rows = grants.map(({ name, override }) => ({ name, override: JSON.stringify(override) }));
    return rows.length > 0 ? { rows } : say("This client has no dataset but its own policy.");
  },
};

/** The check of a table against its catalog, in one line. */
function fitOf({ errors, isAway }: TableLook): string {
  if (isAway) return "its database is away";
  const [first, ...others] = errors;
  if (!first) return "fits";
  return `${first.pointer}: ${first.detail}${others.length > 0 ? ` (and ${others.length} more)` : ""}`;
}

const tables: Command = {
  command: "tables",
  description: "The datasets that go into tables of your own, and how they fit now",
  async run(broker) {
    const found = await actors.policy.datasets(broker, { limit: A_PAGE });
    const looks = await Promise.all(
      found.map(async ({ name }) => ({ name, look: await actors.policy.lookAtTable(broker, { name }) })),
    );
    const rows = looks.flatMap(({ name: dataset, look }) => {
      if (!look) return [];
      return [{ dataset, database: look.database, table: look.name, mode: look.mode, catalog: fitOf(look) }];
    });
    return rows.length > 0 ? { rows } : say("No dataset goes into a table.");
  },
};

const erasures: Command = {
  command: "erasures",
  description: "The newest erasures: how far they are, and what they wait for",
  async run(broker) {
    const found = await actors.retention.erasures(broker, { limit: A_PAGE });
    const rows = found.map(
      ({ publicId: id, state, client, clientIdentifier, dataset, fields, counts, waits, createdAt }) => {
        const what = dataset === null ? "the client" : `${dataset}: ${fields.join(", ")}`;
        const done = `${counts.batches} batches, ${counts.records} records`;
        return {
          id,
          state,
          client: clientIdentifier ?? client,
          erases: what,
          erased: done,
          waits,
          age: age(createdAt),
        };
      },
    );
    return rows.length > 0 ? { rows } : say("Nothing was erased yet.");
  },
};

/** Shows a quota, which may have no limit. */
const usedOf = ({ used, limit }: { used: number; limit: number | null }) =>
  limit === null ? `${used}, no limit` : `${used} of ${limit}`;

const usage: Command = {
  command: "usage <client>",
  description: "What a client uses of its limits now (its id or identifier)",
  async run(broker, args) {
    const client = await clientNamed(broker, operand(args, "client") ?? "");
    const { policy } = await actors.policy.get(broker, { clientId: client.id });
    const { requests, day, uploads, batches } = await usageOf(broker, client, policy);
    const { running, ready, held, limit } = batches;
    const row = {
      requests: `${requests.used} of ${requests.limit} in ${requests.windowSeconds} s`,
      "bytes today": usedOf(day.bytes),
      "records today": usedOf(day.records),
      uploads: `${uploads.running} of ${uploads.limit} a node`,
      running: `${running} of ${limit}`,
      ready,
      held,
    };
    return { rows: [row] };
  },
};

const handlers: Command = {
  command: "handlers",
  description: "The handlers that policies and datasets may name, and the nodes that have each",
  async run(broker) {
    const rows = handlersOf(broker).map(({ name, nodes }) => ({ name, nodes: nodes.join(", ") }));
    return rows.length > 0 ? { rows } : say("No node has a handler but store and table, which are built in.");
  },
};

export const clientCommands: Command[] = [
  clients,
  operators,
  audit,
  erasures,
  limits,
  usage,
  datasets,
  tables,
  handlers,
];
