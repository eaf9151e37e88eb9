/** The address of a request's client, for counting by address. */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type Address, admits, isV6, meantBy } from "../../../lib/net/addresses.ts";

/** An IPv6 user has a whole network of 64 bits, so its prefix is counted. */
const V6_PREFIX_BITS = 64;

export interface Peer {
  socket: { remoteAddress?: string | undefined };
  headers?: IncomingHttpHeaders;
}

/** As proxies write it: also with a port, and then an IPv6 address in brackets. Null: it is none. */
function addressIn(text: string): Address | null {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) ? meantBy(ipaddr.parse(bare)) : null;
}

/** An IPv4 address, or the network of an IPv6 address. */
function nameOf(address: Address): string {
  if (!isV6(address)) return address.toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString().split("%")[0]}/${V6_PREFIX_BITS}`);
  return `${network.toString()}/${V6_PREFIX_BITS}`;
}

/**
 * The right-most address of `X-Forwarded-For` that is no trusted proxy, for each proxy writes the address of its own peer
 * there last. The header counts only where the peer itself is a trusted proxy, since anybody can send one. Where something
 * else than addresses stands in it, and where the peer is not trusted, it is the peer.
 */
export function addressOf({ socket, headers }: Peer, trusted: readonly string[]): string {
  const { remoteAddress = "" } = socket;
  const peer = addressIn(remoteAddress);
  if (!peer) return remoteAddress;
  const isTrusted = (address: Address) => trusted.some((entry) => admits(entry, address));
  const header = headers?.["x-forwarded-for"];
  if (header === undefined || !isTrusted(peer)) return nameOf(peer);
  let found = peer;
  for (const entry of String(header).split(",").reverse()) {
    const address = addressIn(entry.trim());
    if (!address) return nameOf(peer);
    found = address;
    if (!isTrusted(address)) break;
  }
  return nameOf(found);
}

/** Whether a trusted proxy is at the other end, whoever it asks for. */
export function isTrusted({ socket }: Pick<Peer, "socket">, trusted: readonly string[]): boolean {
  const peer = addressIn(socket.remoteAddress ?? "");
  return peer !== null && trusted.some((entry) => admits(entry, peer));
}
