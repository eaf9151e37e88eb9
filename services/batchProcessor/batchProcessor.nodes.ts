/** Notices that a node is gone while a handler's call to it runs. */
import { setTimeout as pause } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { AmqpTransporter } from "../../lib/amqp/transporter.ts";
import { inTime } from "../../lib/time-limit.ts";

const LOOK_EVERY_MS = 1_000;
/** How many checks in a row must fail. After a cut connection a node is back within 1 s, and may still be working. */
const LOOKS_BEFORE_GONE = 2;
/** The result of a check that takes longer than this is ignored. */
const PATIENCE_MS = 5_000;

/**
 * Moleculer notices a killed node after 30 to 60 s, by missed heartbeats, and a call to it waits for as long. This
 * class asks RabbitMQ about a node while calls to it run. It disconnects a dead node within seconds: its calls are rejected,
 * and another node with the handler is called. If the node is alive after all, its next heartbeat brings it back.
 */
export class RemoteNodes {
  private readonly broker: ServiceBroker;
  /** The number of current calls, by node. */
  private readonly calls = new Map<string, number>();
  private readonly lookedAfter = new Set<string>();

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  /** Answers what the call answers. While the call runs, its node is checked. If the node is gone, the call is rejected. */
  async during<T>(nodeID: string, call: Promise<T>): Promise<T> {
    const tx = this.broker.transit?.tx;
    if (nodeID === this.broker.nodeID || !(tx instanceof AmqpTransporter)) return call;
    this.count(nodeID, 1);
    if (!this.lookedAfter.has(nodeID)) void this.lookAfter(nodeID, tx);
    try {
      return await call;
    } finally {
      this.count(nodeID, -1);
    }
  }

  private count(nodeID: string, change: number): void {
    const running = (this.calls.get(nodeID) ?? 0) + change;
    if (running > 0) this.calls.set(nodeID, running);
    else this.calls.delete(nodeID);
  }

  /** Checks the node until no call to it runs, or the node is gone. Never rejects. */
  private async lookAfter(nodeID: string, tx: AmqpTransporter): Promise<void> {
    this.lookedAfter.add(nodeID);
    for (let missed = 0; this.calls.has(nodeID) && missed < LOOKS_BEFORE_GONE; ) {
      await pause(LOOK_EVERY_MS, undefined, { ref: false });
      const isThere = await inTime(PATIENCE_MS, tx.takesRequests(nodeID)).catch(() => null);
      missed = isThere === false ? missed + 1 : 0;
    }
    this.lookedAfter.delete(nodeID);
    // Disconnects the node, as if it had said goodbye. Calls to it are rejected, and other nodes with the same action are called
    // instead.
    if (this.calls.has(nodeID)) this.broker.registry.discoverer.remoteNodeDisconnected(nodeID, true);
  }
}
