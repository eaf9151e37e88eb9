/** The first sentence of the overview: the worst finding, or that all is well. */
import { duration, plural, rate } from "../ui/numbers.js";

/** @import { SystemStats } from "../types.d.ts" */

/**
 * @typedef {object} Finding
 * @property {"bad" | "warn" | "good"} tone
 * @property {string} text
 * @property {string} [means] what it means, and what is done meanwhile
 * @property {{ path: string, query?: Record<string, string>, label: string }} [see]
 * @property {typeof import("../words.js").sections[number]} [section] of the runbook: what to do
 */

/** @typedef {Omit<import("./overview.attention.js").Needs, "matters" | "isLoading" | "problem" | "again">} Needed */

/** A batch that could be claimed but has waited for a minute shows that a worker is missing. After five minutes it is urgent. */
const OLD_MS = 60_000;
const VERY_OLD_MS = 300_000;
const BUSY_LOOP = 0.95;

/**
 * All findings, the worst first.
 * @param {SystemStats} stats
 * @param {Needed} needs
 * @returns {Finding[]}
 */
export function findingsOf(stats, needs) {
  const system = [...servers(stats), ...workers(stats), ...queue(stats), ...outgoing(stats), ...nodes(stats)];
  const found = [...system, ...people(stats, needs)];
  return found.toSorted((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
}

/** @param {SystemStats} stats @returns {Finding} */
export function wellOf({ rates, queue }) {
  const records = rates.acceptedPerSecond + rates.rejectedPerSecond + rates.duplicatePerSecond;
  const waits =
    queue.oldestReadyAgeMs === null ? "nothing waits" : `nothing waits longer than ${duration(queue.oldestReadyAgeMs)}`;
  if (records === 0) return { tone: "good", text: `All is well, and idle: ${waits}.` };
  return { tone: "good", text: `All is well: ${rate(records)} records/s, ${waits}.` };
}

/** What still works while a server is away. */
export const meanwhile = {
  database: "Nothing can be taken or delivered. Partners get 503 and try again.",
  redis: "Each node shares out its part of the limits; locks are in the database; caches are in each node alone.",
  rabbitmq: "Workers look for work every second. Events wait in the outbox.",
};

/** @param {SystemStats} stats @returns {Finding[]} */
function servers({ readiness }) {
  const { database, redis, rabbitmq, tables = {} } = readiness.checks;
  const isDown = (/** @type {any} */ check) => check?.status === "down";
  return [
    ...(isDown(database)
      ? [finding("bad", "The database does not answer.", meanwhile.database, undefined, "DataflowDatabaseDown")]
      : []),
    ...(isDown(redis)
      ? [finding("warn", "Redis is away.", meanwhile.redis, undefined, "DataflowLimiterOnFallback")]
      : []),
    ...(isDown(rabbitmq)
      ? [finding("warn", "RabbitMQ is away.", meanwhile.rabbitmq, undefined, "DataflowBrokerFlaps")]
      : []),
    ...Object.entries(tables)
      .filter(([, check]) => isDown(check))
      .map(([name]) =>
        finding(
          "warn",
          `The database ${name} does not answer.`,
          "Batches into its tables wait.",
          undefined,
          "DataflowTableDatabaseDown",
        ),
      ),
  ];
}

/** @param {SystemStats} stats @returns {Finding[]} */
function workers({ nodes, queue }) {
  const known = nodes.filter((node) => !("unreachable" in node));
  const slots = known.flatMap((node) => ("slots" in node && node.slots ? [node.slots] : []));
  const waiting = queue.ready > 0 ? `${plural(queue.ready, "batch waits", "batches wait")}.` : "";
  if (known.length > 0 && slots.length === 0)
    return [
      finding(
        "bad",
        `No worker runs. ${waiting}`,
        "Start one: npm run start:worker",
        {
          path: "/nodes",
          label: "Nodes",
        },
        "DataflowNobodyWorks",
      ),
    ];
  if (slots.length > 0 && slots.every(({ paused }) => paused))
    return [
      finding("warn", `All workers are paused. ${waiting}`, "Uploads are still taken.", {
        path: "/nodes",
        label: "Nodes",
      }),
    ];
  return [];
}

/** @param {SystemStats} stats @returns {Finding[]} */
function queue({ queue: { oldestReadyAgeMs, oldestReady } }) {
  if (oldestReadyAgeMs === null || oldestReadyAgeMs < OLD_MS) return [];
  const of = oldestReady?.clientIdentifier ? ` of ${oldestReady.clientIdentifier}` : "";
  const tone = oldestReadyAgeMs < VERY_OLD_MS ? "warn" : "bad";
  const section = tone === "bad" ? "DataflowQueueVeryOld" : "DataflowQueueOld";
  const see = oldestReady ? { path: `/batches/${oldestReady.batchId}`, label: "That batch" } : undefined;
  return [
    finding(tone, `A batch${of} that could run has waited for ${duration(oldestReadyAgeMs)}.`, undefined, see, section),
  ];
}

/** @param {SystemStats} stats @returns {Finding[]} */
function outgoing({ queue: { oldestOutboxAgeMs, outbox }, deliveries }) {
  return [
    ...((oldestOutboxAgeMs ?? 0) > OLD_MS
      ? [
          finding(
            "warn",
            `Events are late: ${plural(outbox, "event")}, the oldest of ${duration(oldestOutboxAgeMs)}.`,
            undefined,
            undefined,
            "DataflowOutboxStuck",
          ),
        ]
      : []),
    ...((deliveries.oldestDueAgeMs ?? 0) > VERY_OLD_MS
      ? [
          finding(
            "warn",
            `Webhooks are late: the oldest is due for ${duration(deliveries.oldestDueAgeMs)}.`,
            undefined,
            {
              path: "/deliveries",
              query: { status: "pending" },
              label: "Deliveries",
            },
            "DataflowWebhooksLate",
          ),
        ]
      : []),
  ];
}

/**
 * Findings that only an operator can end. Each kind of entry in the list has a sentence here.
 * @param {SystemStats} stats
 * @param {Needed} needs
 * @returns {Finding[]}
 */
function people({ deliveries: { failed24h } }, needs) {
  const { failed, failedBefore, waiting, faulty, undelivered, webhooksOff, atLimit } = needs;
  const late = failed24h ?? 0;
  const batches = (/** @type {string} */ status) => ({ path: "/batches", query: { status }, label: "Show them" });
  const deliveries = { path: "/deliveries", query: { status: "failed" }, label: "Show them" };
  /** @type {[number, string, Finding["see"]?, Finding["section"]?][]} */
  const told = [
    [
      failed,
      `${plural(failed, "batch", "batches")} failed in the last 24 h.`,
      batches("failed"),
      "DataflowBatchesFail",
    ],
    [
      failedBefore,
      `${plural(failedBefore, "batch", "batches")} failed more than 24 h ago.`,
      batches("failed"),
      "DataflowBatchesFail",
    ],
    [
      waiting,
      `${plural(waiting, "batch waits", "batches wait")} for approval.`,
      batches("held"),
      "DataflowHeldForLong",
    ],
    [
      late,
      `${plural(late, "webhook")} could not be delivered in the last 24 h.`,
      deliveries,
      "DataflowWebhooksGivenUp",
    ],
    [late > 0 ? 0 : undelivered, "Webhooks could not be delivered.", deliveries, "DataflowWebhooksGivenUp"],
    [webhooksOff, `${plural(webhooksOff, "webhook is", "webhooks are")} off: the receiver answered 410 (gone).`],
    [atLimit, `${plural(atLimit, "client is", "clients are")} at a limit.`],
    [
      faulty,
      `${plural(faulty, "batch has", "batches have")} many rejected records.`,
      batches("completed_with_errors"),
      "DataflowManyRejects",
    ],
  ];
  return told.flatMap(([n, text, see, section]) => (n > 0 ? [finding("warn", text, undefined, see, section)] : []));
}

/** @param {SystemStats} stats @returns {Finding[]} */
function nodes({ nodes: all }) {
  const see = { path: "/nodes", label: "Nodes" };
  return all.flatMap((node) => {
    if ("unreachable" in node)
      return [
        finding(
          "bad",
          `The node ${node.node} does not answer.`,
          "Others take over its batches when their lease ends.",
          see,
          "DataflowNodeDown",
        ),
      ];
    if (node.eventLoop > BUSY_LOOP)
      return [finding("warn", `The node ${node.node} has no time left.`, undefined, see, "DataflowEventLoopBusy")];
    return [];
  });
}

/**
 * @param {"bad" | "warn"} tone
 * @param {string} text
 * @param {string} [means]
 * @param {Finding["see"]} [see]
 * @param {Finding["section"]} [section]
 * @returns {Finding}
 */
const finding = (tone, text, means, see, section) => ({ tone, text: text.trim(), means, see, section });
