/** Nodes as in production: api and worker processes on PostgreSQL, Redis and RabbitMQ, with a namespace of their own. */
import { hostname } from "node:os";
import { newNamespace, removeNamespace } from "../../test/helpers/amqp.ts";
import { needs, rabbitUrl, redisUrl } from "./needs.ts";
import { ADMIN_TOKEN, type DataFlowNode, startNode } from "./node.ts";
import { atEnd } from "./places.ts";
import { newDatabase, removeKeys } from "./servers.ts";

export interface Cluster {
  databaseUrl: string;
  /** The settings of all nodes of the cluster. */
  env: Record<string, string>;
  /** Starts a node. `own`: settings of this node only. `onMessage` gets the messages that the node's handlers send. */
  start(
    command: "start:api" | "start:worker",
    own?: Record<string, string>,
    onMessage?: (message: never) => void,
  ): Promise<DataFlowNode>;
  /** Tells the cluster of a node that the caller has started itself, so that `stop` removes its data too. */
  knows(nodeId: string): void;
  /** Stops all nodes, and removes their data from the servers. */
  stop(): Promise<void>;
}

/** Starts an empty cluster. `place` makes its migrated database. */
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
      // The name that Moleculer gives the node. It ends with the process id. The start commands use `exec`, so the child's id is
      // the node's.
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
