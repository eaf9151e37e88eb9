/** Moleculer's packets: which of them may be handled, and what the log says of the others. */
import { LRUCache } from "lru-cache";
import type { Transporters } from "moleculer";
import { oneLine } from "../log/logger.ts";
import { compiled, type ValidationSchema } from "../validator.ts";

export type Packet = ReturnType<Transporters.Base["deserialize"]>;

/** A node's id is part of a queue's name, which has at most 255 bytes: so much is left for it beside a long namespace. */
const LONGEST_ID = 128;

/** Names and ids that end in a line of the log. */
const word = { type: "string", max: 300 };
const text = { ...word, optional: true, nullable: true };
const number = { type: "number", optional: true, nullable: true };
const map = { type: "object", optional: true, nullable: true };
const service = { type: "object", props: { name: "string", actions: map, events: map } };

/**
 * The schemas of the members that Moleculer uses without checking their types. The services check the params of actions and
 * events.
 */
const schemas: Record<string, ValidationSchema> = {
  EVENT: { event: word, groups: { type: "array", items: word, optional: true, nullable: true }, meta: map },
  REQ: { id: word, action: text, meta: map, headers: map, timeout: number, level: number, requestID: text },
  RES: { id: word, meta: map, error: map },
  INFO: { services: { type: "array", items: service }, instanceID: "string", seq: number, config: map, client: map },
  HEARTBEAT: { seq: number, instanceID: text },
  DISCOVER: {},
  DISCONNECT: {},
  PING: { id: text },
  PONG: { id: text, time: number, arrived: number },
};

const sender = { type: "string", min: 1, max: LONGEST_ID };
const checks = new Map(
  Object.entries(schemas).map(([type, schema]) => [type, compiled({ ...schema, sender }, { haltOnFirstError: true })]),
);

/** The fault of an event's payload. Null: none, or nothing is known of the event. */
export type EventFault = (name: string, payload: unknown) => string | null;

/** What is wrong with a packet's payload; null: it may be handled. */
function faultOf(type: string, payload: unknown, eventFault: EventFault): string | null {
  if (typeof payload !== "object" || payload === null) return "it is no object";
  const faults = checks.get(type)?.(payload);
  if (Array.isArray(faults)) return String(faults[0]?.message);
  const { event, data } = payload as { event: string; data: unknown };
  return type === "EVENT" ? eventFault(event, data) : null;
}

/** Senders of another protocol that the log has named. */
const MOST_NAMED = 1_000;
/** Other packets that are dropped: a line of each type in so long. */
const TOLD_EVERY_MS = 60_000;
const LONGEST_WORD = 200;

/** Says what is dropped, in one bounded line and not too often: a node of another Moleculer sends packets every 10 s. */
export class DroppedPackets {
  private readonly named = new LRUCache<string, true>({ max: MOST_NAMED });
  private readonly toldAt = new Map<string, number>();
  private readonly warn: (line: string) => void;
  private readonly eventFault: EventFault;

  constructor(warn: (line: string) => void, eventFault: EventFault) {
    this.eventFault = eventFault;
    this.warn = warn;
  }

  /** Whether a packet may be handled. */
  admits({ type, payload }: Packet, protocol: string): boolean {
    if (typeof payload?.sender === "string" && payload.ver !== protocol) {
      this.otherProtocol(payload.sender, payload.ver, protocol);
      return false;
    }
    const fault = faultOf(type, payload, this.eventFault);
    if (fault) this.malformed(type, fault);
    return fault === null;
  }

  private otherProtocol(from: string, found: unknown, wanted: string): void {
    const node = oneLine(from, LONGEST_WORD);
    if (this.named.has(node)) return;
    this.named.set(node, true);
    const version = oneLine(String(found), LONGEST_WORD);
    this.warn(
      `The node "${node}" speaks version ${version} of Moleculer's protocol and cannot join: DataFlow speaks ${wanted} (Moleculer 0.15). What it sends is dropped.`,
    );
  }

  malformed(type: string, fault: string): void {
    const now = performance.now();
    if (now - (this.toldAt.get(type) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    this.toldAt.set(type, now);
    this.warn(
      `A packet of the type ${type} is wrong, and dropped (told once a minute): ${oneLine(fault, LONGEST_WORD)}`,
    );
  }
}
