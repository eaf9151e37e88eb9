/** Nodes as in production: api and worker processes on PostgreSQL, Redis and RabbitMQ, in places of their own there. */
import { hostname } from "node:os";
import { newNamespace, removeNamespace } from "../../test/helpers/amqp.ts";
import { needs, rabbitUrl, redisUrl } from "./needs.ts";
import { ADMIN_TOKEN, type DataFlowNode, startNode } from "./node.ts";
import { atEnd } from "./places.ts";
import { newDatabase } from "./postgres.ts";
import { removeKeys } from "./redis.ts";

export interface Cluster {
  databaseUrl: string;
  /** The settings of its nodes. */
  env: Record<string, string>;
  /** `own`: settings of this node alone; `onMessage` hears its handlers. */
  start(
    command: "start:api" | "start:worker",
    own?: Record<string, string>,
    onMessage?: (message: never) => void,
  ): Promise<DataFlowNode>;
  /** Of a node that the caller started itself. */
  knows(nodeId: string): void;
  /** Stops all nodes, and removes what they left in the servers. */
  stop(): Promise<void>;
}

export async function newCluster(settings: Record<string, string> = {}, peers: string[] = []): Promise<Cluster> {
  await needs(["postgres", "redis", "rabbitmq"], peers);
  const { url: databaseUrl, drop } = await newDatabase();
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
      // As Moleculer names it; the commands `exec`, so that the process is the one that was started.
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
