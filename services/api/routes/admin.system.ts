/**
 * The calls of operators about a running system: look at nodes, settings and the database, pause workers, and empty
 * caches.
 */
import { choice, count, described, type JsonSchema, listOf, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody } from "../http/input.ts";

/** The schema of what `turn` answers. */
export const workerSchema: JsonSchema = record({
  node: text(),
  paused: described("Whether it claims nothing.", { type: "boolean" }),
  slots: count,
  running: described("The ids of its batches.", listOf(text())),
});

async function turn(exchange: Exchange, how: "pause" | "resume"): Promise<Reply> {
  await noBody(exchange);
  const { ctx, path } = exchange;
  return json(200, await actors.monitor.turnWorker(ctx, { node: path.node ?? "", how }));
}

export const pauseNode = (exchange: Exchange) => turn(exchange, "pause");
export const resumeNode = (exchange: Exchange) => turn(exchange, "resume");

/** The schema of what `flushCaches` answers. */
export const flushedSchema: JsonSchema = record({
  redis: described(
    "`away`: it could not be emptied, and nodes may read old values from there. `off`: it is not configured.",
    choice(["emptied", "off", "away"]),
  ),
  keys: described("How many keys were deleted from Redis.", orNull(count)),
});

export async function flushCaches(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const { redis, keys } = await actors.monitor.flush(exchange.ctx, {});
  return json(200, { redis, keys });
}

/** The schema of an item of `listHandlers`. */
export const handlerSchema: JsonSchema = record({
  name: text("For `handler` of a policy or a dataset."),
  nodes: listOf(text()),
});

/** Lists all handlers, without pages: a cluster has few. */
export async function listHandlers({ ctx }: Exchange): Promise<Reply> {
  return json(200, { items: await actors.monitor.handlers(ctx, {}), next: null });
}

/** The schema of what `getSystem` answers. */
export const systemSchema: JsonSchema = record({
  node: text("The node that answers."),
  version: text("DataFlow's, of this node."),
  runtime: text("That of Node.js."),
  nodes: listOf({
    oneOf: [
      record({
        node: text(),
        version: text(),
        runtime: text(),
        differs: described("The settings in which it is not as the node that answers.", listOf(text())),
      }),
      record({ node: text(), unreachable: { const: true } }),
    ],
  }),
  settings: described(
    "Those in force on this node.",
    listOf(
      record({
        name: text("The variable."),
        value: text("`set` for secrets; URLs without credentials; in words where the default is not fixed."),
        source: choice(["default", "environment"]),
        meaning: text(),
      }),
    ),
  ),
  database: record({
    kind: choice(["sqlite", "postgres", "mssql"]),
    migrations: record({ applied: listOf(text()), pending: listOf(text()) }),
  }),
});

export async function getSystem({ ctx }: Exchange): Promise<Reply> {
  const [system, { kind, ...migrations }] = await Promise.all([
    actors.monitor.system(ctx, {}),
    actors.batch.migrations(ctx, {}),
  ]);
  return json(200, { ...system, database: { kind, migrations } });
}
