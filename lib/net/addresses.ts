/** IP addresses and the entries of lists of them. */
import ipaddr from "ipaddr.js";

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

export const isV6 = (address: Address): address is ipaddr.IPv6 => address.kind() === "ipv6";

/** Turns a mapped IPv4 address (`::ffff:192.0.2.1`) into the IPv4 address. */
export const meantBy = (address: Address): Address =>
  isV6(address) && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;

/** Whether a list entry (address or CIDR) contains the address. An invalid entry contains none. */
export function admits(entry: string, address: Address): boolean {
  if (!ipaddr.isValid(entry.split("/")[0] ?? "")) return false;
  const [range, bits] = entry.includes("/") ? ipaddr.parseCIDR(entry) : [ipaddr.parse(entry), null];
  const meant = meantBy(address);
  return meant.kind() === range.kind() && meant.match(range as never, (bits ?? (isV6(range) ? 128 : 32)) as never);
}
