/** Notices that a node is gone while a handler's call to it runs. */
import { setTimeout as pause } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import type { AmqpTransporter } from "../../lib/amqp/transporter.ts";
import { letNodeGo } from "../../lib/moleculer.ts";
import { inTime } from "../../lib/time/in-time.ts";

const LOOK_EVERY_MS = 1_000;
/** In a row: a node whose link was cut is back after 1 s, and may still be at work. */
const LOOKS_BEFORE_GONE = 2;
/** A check that takes longer says nothing. */
const PATIENCE_MS = 5_000;

interface Transit {
  tx: Partial<AmqpTransporter>;
}

/**
 * Moleculer notices a killed node after 30 to 60 s, by missed heartbeats, and a call to it waits for as long. This
 * class asks RabbitMQ about a node while calls to it run. It disconnects a dead node within seconds: its calls are rejected,
 * and another node with the handler is called. If the node is alive after all, its next heartbeat brings it back.
 */
export class RemoteNodes {
  private readonly broker: ServiceBroker;
  /** How many calls to a node run. */
  private readonly calls = new Map<string, number>();
  private readonly lookedAfter = new Set<string>();

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  /** The call's own answer. While it runs its node is looked after; the call is rejected when that is gone. */
  async during<T>(nodeID: string, call: Promise<T>): Promise<T> {
    const { transit } = this.broker as unknown as { transit?: Transit };
    if (nodeID === this.broker.nodeID || !transit?.tx.takesRequests) return call;
    this.count(nodeID, 1);
    if (!this.lookedAfter.has(nodeID)) void this.lookAfter(nodeID, transit);
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

  /** Until no call to it runs, or it is gone. Never rejects. */
  private async lookAfter(nodeID: string, { tx }: Transit): Promise<void> {
    this.lookedAfter.add(nodeID);
    for (let missed = 0; this.calls.has(nodeID) && missed < LOOKS_BEFORE_GONE; ) {
      await pause(LOOK_EVERY_MS, undefined, { ref: false });
      const look = tx.takesRequests?.(nodeID) ?? Promise.resolve(null);
      const isThere = await inTime(PATIENCE_MS, look).catch(() => null);
      missed = isThere === false ? missed + 1 : 0;
    }
    this.lookedAfter.delete(nodeID);
    if (this.calls.has(nodeID)) letNodeGo(this.broker, nodeID);
  }
}
