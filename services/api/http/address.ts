/** The address of a request's client, by which failed logins and open connections are counted. */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type Address, admits, isV6, meantBy } from "../../../lib/net/allowed-target.ts";

/** An IPv6 user has a whole network of 64 bits, so addresses of IPv6 are counted by their network. */
const V6_PREFIX_BITS = 64;

export interface Peer {
  socket: { remoteAddress?: string | undefined };
  headers?: IncomingHttpHeaders;
}

/**
 * Reads an address in the forms that proxies write: with or without a port. With a port, an IPv6 address is in
 * brackets. Null if the text is no address.
 */
function addressIn(text: string): Address | null {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) ? meantBy(ipaddr.parse(bare)) : null;
}

/** The text that an address is counted under: an IPv4 address itself, or the network of an IPv6 address. */
function nameOf(address: Address): string {
  if (!isV6(address)) return address.toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString().split("%")[0]}/${V6_PREFIX_BITS}`);
  return `${network.toString()}/${V6_PREFIX_BITS}`;
}

/**
 * The right-most address of `X-Forwarded-For` that is not a trusted proxy, because each proxy appends the address of
 * its own peer. The header counts only if the peer itself is a trusted proxy, since anybody can send one. If the peer
 * is not trusted, or the header holds something else than addresses, the answer is the peer. The result names the
 * network of an IPv6 address.
 */
export function addressOf(peer: Peer, trusted: readonly string[]): string {
  const found = sourceIn(peer, trusted);
  return found ? nameOf(found) : (peer.socket.remoteAddress ?? "");
}

/**
 * The right-most address of `X-Forwarded-For` that is not a trusted proxy, else the peer. Of IPv6 this is the address
 * itself, not its network.
 */
export function sourceOf(peer: Peer, trusted: readonly string[]): string {
  return sourceIn(peer, trusted)?.toString() ?? "";
}

function sourceIn({ socket, headers }: Peer, trusted: readonly string[]): Address | null {
  const peer = addressIn(socket.remoteAddress ?? "");
  if (!peer) return null;
  const isTrusted = (address: Address) => trusted.some((entry) => admits(entry, address));
  const header = headers?.["x-forwarded-for"];
  if (header === undefined || !isTrusted(peer)) return peer;
  let found = peer;
  for (const entry of String(header).split(",").reverse()) {
    const address = addressIn(entry.trim());
    if (!address) return peer;
    found = address;
    if (!isTrusted(address)) break;
  }
  return found;
}

/** Whether the peer of a request is a trusted proxy. */
export function isTrusted({ socket }: Pick<Peer, "socket">, trusted: readonly string[]): boolean {
  const peer = addressIn(socket.remoteAddress ?? "");
  return peer !== null && trusted.some((entry) => admits(entry, peer));
}
