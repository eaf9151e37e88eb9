/** Nodes as in production: api and worker processes on PostgreSQL, Redis and RabbitMQ, with a namespace of their own. */
import { hostname } from "node:os";
import { newNamespace, removeNamespace } from "../../test/helpers/amqp.ts";
import { needs, rabbitUrl, redisUrl } from "./needs.ts";
import { ADMIN_TOKEN, type DataFlowNode, startNode } from "./node.ts";
import { atEnd } from "./places.ts";
import { newDatabase, removeKeys } from "./servers.ts";

export interface Cluster {
  databaseUrl: string;
  /** The settings of all its nodes. */
  env: Record<string, string>;
  /** `own`: settings of this node only. `onMessage` gets messages of its handlers. */
  start(
    command: "start:api" | "start:worker",
    own?: Record<string, string>,
    onMessage?: (message: never) => void,
  ): Promise<DataFlowNode>;
  /** For a node that the caller started itself. */
  knows(nodeId: string): void;
  /** Stops all nodes, and removes their data from the servers. */
  stop(): Promise<void>;
}

/** `place` makes its database, migrated. */
export async function newCluster(
  settings: Record<string, string> = {},
  peers: string[] = [],
  place = newDatabase,
): Promise<Cluster> {
  await needs(["postgres", "redis", "rabbitmq"], peers);
  const { url: databaseUrl, drop } = await place();
  const namespace = newNamespace();
  const prefix = `${namespace}:`;
  const nodeIds: string[] = [];
  const nodes = new Set<DataFlowNode>();
  const remove = atEnd(async () => {
    await removeNamespace(namespace, nodeIds);
    await removeKeys(prefix);
  });
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    AMQP_URL: rabbitUrl,
    NAMESPACE: namespace,
    REDIS_KEY_PREFIX: prefix,
    ADMIN_TOKEN,
    ...settings,
  };
  return {
    databaseUrl,
    env,
    async start(command, own = {}, onMessage) {
      const node = await startNode({ ...env, ...own }, command, onMessage);
      // Moleculer's name for the node: it ends with the process id. The commands `exec`, so that is the id of the child.
      nodeIds.push(`${hostname().toLowerCase()}-${node.pid}`);
      const running: DataFlowNode = {
        ...node,
        async stop() {
          nodes.delete(running);
          await node.stop();
        },
      };
      nodes.add(running);
      return running;
    },
    knows: (nodeId) => void nodeIds.push(nodeId),
    async stop() {
      await Promise.all([...nodes].map((node) => node.stop()));
      await remove();
      await drop();
    },
  };
}
