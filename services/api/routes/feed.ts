/** `GET /admin/events` and `GET /events`: one stream of server-sent events about all that a page shows. */
import { isUuid } from "../../../database/rows.ts";
import { Problem } from "../../../lib/errors.ts";
import { described, instant, type JsonSchema, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { callerOf, type Exchange } from "../http/exchange.ts";
import { EVENT_HEADERS, FeedStream, missed } from "../http/feed.stream.ts";
import type { Topics } from "../http/feed.ts";
import { queryOf, wrongQuery } from "../http/input.ts";

/** The most batches that a stream may name. */
const MOST_IDS = 20;

/** The schema of the events named `notice`. */
export const noticeSchema: JsonSchema = record(
  {
    at: instant,
    kind: described(
      "`missed`: some events were not sent, because they were not read in time, because too many deliveries changed at once, or because there was no stream (`Last-Event-ID`). Read again.",
      {
        enum: ["dependency", "node", "missed"],
      },
    ),
    name: text("The dependency, as in `readiness`, or the node."),
    state: described("Of a dependency up, down or off; of a node joined, unreachable or left.", {
      enum: ["up", "down", "off", "joined", "unreachable", "left"],
    }),
  },
  ["name", "state"],
);

type Who = "operator" | "partner";

const namesOf = (who: Who) => (who === "operator" ? ["stats", "batches", "deliveries"] : ["batches", "deliveries"]);

/** Reads the topics of a stream from the query. Throws validation. */
export function topicsIn(value: string | undefined, who: Who): Topics {
  const names = namesOf(who);
  const [usual = ""] = names;
  const rule = `expected some of ${names.join(", ")}, batch:ID (at most ${MOST_IDS}), by commas`;
  const wanted = (value ?? usual).split(",");
  const ids = new Set<string>();
  for (const topic of wanted) {
    const id = topic.startsWith("batch:") ? topic.slice("batch:".length) : null;
    if (id !== null && isUuid(id)) ids.add(id.toLowerCase());
    else if (!names.includes(topic)) throw wrongQuery("topics", `${rule}; found "${topic.slice(0, 100)}"`);
  }
  if (ids.size > MOST_IDS) throw wrongQuery("topics", `${rule}; found ${ids.size} batches`);
  const has = (name: string) => wanted.includes(name);
  return { stats: has("stats"), batches: has("batches"), deliveries: has("deliveries"), ids };
}

/** Checks that all named batches exist and belong to the client, by one query. Throws not-found. */
async function requireBatches({ ctx }: Exchange, { ids }: Topics, clientId: number | null): Promise<void> {
  if (ids.size === 0) return;
  const seen = [...ids].map((publicId) => ({ publicId, version: -1 }));
  const found = new Set(
    (await actors.batch.changed(ctx, { seen }))
      .filter((batch) => batch.state !== "receiving" && (clientId === null || batch.clientId === clientId))
      .map(({ publicId }) => publicId),
  );
  const missing = [...ids].find((id) => !found.has(id));
  if (missing !== undefined) throw new Problem("not-found", `There is no batch ${missing}.`);
}

/**
 * The event stream of a client, about its own batches and deliveries. Throws validation, not-found, too-many-streams,
 * unavailable.
 */
export async function getOwnFeed(exchange: Exchange): Promise<undefined> {
  const { client } = callerOf(exchange);
  const topics = topicsIn(queryOf(exchange, "topics").topics, "partner");
  await requireBatches(exchange, topics, client.id);
  await sendFeed(exchange, { topics, clientId: client.id, reader: `client ${client.id}` });
}

/** The event stream of an operator. Throws validation, not-found, too-many-streams, unavailable. */
export async function getFeed(exchange: Exchange): Promise<undefined> {
  const topics = topicsIn(queryOf(exchange, "topics").topics, "operator");
  await requireBatches(exchange, topics, null);
  const reader = `operator ${exchange.req.operator?.name}`;
  await sendFeed(exchange, { topics, clientId: null, reader });
}

interface Reader {
  topics: Topics;
  clientId: number | null;
  reader: string;
}

async function sendFeed({ req, res }: Exchange, { topics, clientId, reader }: Reader): Promise<undefined> {
  if (req.method === "HEAD") return void res.writeHead(200, EVENT_HEADERS).end();
  const { feed, feeds } = req.$service;
  feeds.requirePlace(reader);
  req.revoked?.throwIfAborted();
  const stream = new FeedStream(res);
  // The stream begins with the present figures and the named batches. It tells of other batches and deliveries only
  // when they change.
  if (req.headers["last-event-id"] !== undefined && (topics.batches || topics.deliveries)) stream.tell(missed());
  const leave = feed.join({ topics, clientId, tell: (event) => stream.tell(event), end: () => stream.end() });
  req.revoked?.addEventListener("abort", () => stream.end());
  try {
    await feeds.keep(reader, stream);
  } finally {
    leave();
  }
}
