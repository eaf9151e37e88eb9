/** Lists of addresses and networks that something may come from. */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type Address, admits, isV6 } from "./allowed-target.ts";

const MAPPED_BITS = 96;
const EXPECTED = "expected an address or a network such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32";

/** What an entry means, as it is stored: `range`. Else what is wrong with it: `fault`. */
export function rangeIn(entry: unknown): { range: string } | { fault: string } {
  const wrong = { fault: `${EXPECTED}, found ${JSON.stringify(entry)?.slice(0, 60)}` };
  if (typeof entry !== "string") return wrong;
  const [host = "", bits] = entry.split("/", 2);
  // ipaddr.js alone would also take 10.1 and 0x0a.0.0.1.
  if (!isIP(host) || host.includes("%") || (entry.includes("/") && !/^\d{1,3}$/.test(entry.slice(host.length + 1))))
    return wrong;
  const address = ipaddr.parse(host);
  const most = isV6(address) ? 128 : 32;
  const length = bits === undefined ? most : Number(bits);
  if (length > most) return wrong;
  const network = networkOf(address, length);
  if (!isSame(network, address))
    return { fault: `${EXPECTED}: ${entry.slice(0, 60)} is in ${network.toString()}/${length}` };
  return { range: written(address, length) };
}

const isSame = (a: Address, b: Address) => a.toNormalizedString() === b.toNormalizedString();

const networkOf = (address: Address, length: number): Address =>
  isV6(address)
    ? ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString()}/${length}`)
    : ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/${length}`);

/** IPv4 addresses that are written as IPv6 ones (`::ffff:192.0.2.0/120`) become what they mean: requests are compared as IPv4. */
function written(address: Address, length: number): string {
  if (isV6(address) && address.isIPv4MappedAddress() && length >= MAPPED_BITS)
    return `${address.toIPv4Address().toString()}/${length - MAPPED_BITS}`;
  return `${address.toString()}/${length}`;
}

/** Whether one of the entries has this address. A text that is no address is in none. */
export const isWithin = (ranges: readonly string[], address: string): boolean =>
  isIP(address) !== 0 && ranges.some((range) => admits(range, ipaddr.parse(address)));
