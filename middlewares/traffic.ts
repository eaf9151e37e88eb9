/**
 * Counts the events and packets that this node sends and receives, under the names of Moleculer's own metrics. Moleculer's
 * middleware also measures each listener, keeps a timer for the rate of each value, and adds up values that should be set
 * (0.15.2).
 */
import type { ServiceBroker } from "moleculer";
import { Counter } from "prom-client";
import { registryOf } from "../lib/metrics/figures.ts";

/** A method of the broker or of the transporter that Moleculer lets a middleware wrap. */
type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Wraps a method so that `count` gets the arguments of each call. */
const counting =
  (count: (args: unknown[]) => void) =>
  (next: Method): Method =>
    function counted(...args) {
      count(args);
      return next.apply(this, args);
    };

/** The hooks of the middleware. There are few names of events and types of packets, so labels are cheap. */
export function traffic(broker: ServiceBroker) {
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `moleculer_${name}`, help, labelNames, registers: [registryOf(broker)] });

  const events = (name: string, help: string) => {
    const counted = counter(`event_${name}_total`, help, ["event"]);
    return counting(([event]) => counted.inc({ event: String(event) }));
  };
  const packets = (name: string, help: string, typeOf: (first: unknown) => unknown) => {
    const counted = counter(`transit_${name}_total`, help, ["type"]);
    return counting(([first]) => counted.inc({ type: String(typeOf(first)) }));
  };
  const bytes = (way: "sent" | "received") => {
    const counted = counter(`transporter_packets_${way}_total`, `Number of ${way} packets`);
    const size = counter(`transporter_packets_${way}_bytes`, `Number of ${way} bytes`);
    return counting(([, data]) => {
      counted.inc();
      size.inc((data as Buffer | undefined)?.length ?? 0);
    });
  };

  return {
    emit: events("emit", "Number of emitted events"),
    broadcast: events("broadcast", "Number of broadcast events"),
    broadcastLocal: events("broadcast_local", "Number of local broadcast events"),
    transitPublish: packets("publish", "Number of published packets", (packet) => (packet as { type: string }).type),
    transitMessageHandler: packets("receive", "Number of received packets", (type) => type),
    transporterSend: bytes("sent"),
    transporterReceive: bytes("received"),
  };
}
