/**
 * Checks webhook targets. An operator names the URL, and this node sends from inside the company's network. So every
 * address of the host must be a global one, or one that WEBHOOK_ALLOWED_HOSTS admits. Metadata services are never allowed.
 */
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
  if (isV6(meant)) return isV6(range) && meant.match(range, bits ?? 128);
  return !isV6(range) && meant.match(range, bits ?? 32);
}

export const LONGEST_URL = 2048;

/** Metadata services of clouds, which give out logins: AWS (also ECS), Azure, GCP, Alibaba, Oracle. */
const metadataAddresses = [
  "169.254.169.254",
  "169.254.170.2",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "fd00:ec2::254",
  "fd20:ce::254",
].map((text) => ipaddr.parse(text).toNormalizedString());
const metadataNames = [
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
];

/** 2000::/3, of which the special parts are left out by `range()`. Whatever lies outside is no global unicast address. */
const globalV6 = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];
/** IETF protocol assignments and the second documentation range: ipaddr.js knows only parts of them. */
const specialV6 = ["2001::/23", "3fff::/20"].map((text) => ipaddr.parseCIDR(text) as [ipaddr.IPv6, number]);

function isGlobal(address: Address): boolean {
  if (address.range() !== "unicast") return false;
  return !isV6(address) || (address.match(globalV6) && !specialV6.some((range) => address.match(range)));
}

/** The IPv4 addresses that an IPv6 address may reach: mapped, NAT64 and the like (last 32 bits), 6to4 (after the first 16). */
function embedded(address: Address): ipaddr.IPv4[] {
  if (!isV6(address)) return [];
  const bytes = address.toByteArray();
  return [bytes.slice(12), bytes.slice(2, 6)].map((four) => new ipaddr.IPv4(four));
}

const isMetadata = (address: Address): boolean =>
  [address, ...embedded(address)].some((one) => metadataAddresses.includes(one.toNormalizedString()));

/** The host of a URL, for comparing. `URL` has made it lower-case and ASCII, and normalised addresses. */
export const nameOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");

/** Why this node may not connect to `address`, which the URL's host resolves to. Null: it may. */
export function addressFault(text: string, host: string, allowed: readonly string[]): string | null {
  if (!ipaddr.isValid(text)) return `${text} is no address`;
  const address = ipaddr.parse(text);
  if (isMetadata(address)) return `${text} is a metadata service, which is never allowed`;
  if (isGlobal(address) || allowed.includes(host) || allowed.some((entry) => admits(entry, address))) return null;
  return `${text} is not a global address (${address.range()}), and WEBHOOK_ALLOWED_HOSTS does not list it`;
}

/** The address in a URL; null if its host is a name. */
export function literalOf(url: URL): string | null {
  const name = nameOf(url);
  return ipaddr.isValid(name) ? name : null;
}

/** What is wrong with the host as written. Names are resolved at every attempt. */
function hostFault(url: URL, allowed: readonly string[]): string | null {
  const name = nameOf(url);
  if (metadataNames.includes(name)) return `${name} is a metadata service, which is never allowed`;
  const literal = literalOf(url) ?? (/(^|\.)localhost$/.test(name) ? "127.0.0.1" : null);
  return literal && addressFault(literal, name, allowed);
}

/** Why a webhook may not have this URL, by its text alone. Null: it may. */
export function urlFault(text: unknown, allowed: readonly string[]): string | null {
  // `URL` would silently drop blanks and line ends.
  if (typeof text !== "string" || !/^[^\s\p{Cc}\\]+$/u.test(text) || !URL.canParse(text))
    return "expected a URL such as https://partner.example/hooks";
  const url = new URL(text);
  // Checks the length as written and as sent: letters beyond ASCII are longer when sent.
  const length = Math.max(text.length, url.href.length);
  if (length > LONGEST_URL) return `expected a URL of at most ${LONGEST_URL} characters, found ${length}`;
  if (url.protocol !== "https:" && url.protocol !== "http:") return "expected a URL of https: or http:";
  if (url.username || url.password || /^[^/]*\/\/[^/?#]*@/.test(text))
    return "expected a URL without credentials: the signature tells who sends";
  if (text.includes("#")) return "expected a URL without a fragment";
  const fault = hostFault(url, allowed);
  return fault && `expected a target that webhooks may have: ${fault}`;
}

/** A webhook's URL for lists, without its query, which may contain a secret. */
export const withoutQuery = (url: string): string => url.replace(/\?.+$/, "?…");

export interface Resolved {
  address: string;
  family: number;
}

/** Resolves a name to all its addresses. */
export type Resolve = (name: string) => Promise<Resolved[]>;

/** Thrown if nothing may be sent to a target. */
export class TargetRefused extends Error {
  override name = "TargetRefused";
}

/** The checked addresses to connect to. Throws TargetRefused if one of them is not allowed, and what `resolve` throws. */
export async function checkedAddresses(url: URL, allowed: readonly string[], resolve: Resolve): Promise<Resolved[]> {
  const fault = urlFault(url.href, allowed);
  if (fault) throw new TargetRefused(fault);
  const literal = literalOf(url);
  const found = literal ? [{ address: literal, family: literal.includes(":") ? 6 : 4 }] : await resolve(nameOf(url));
  if (found.length === 0) throw new TargetRefused(`${nameOf(url)} has no address`);
  for (const { address } of found) {
    const refusal = addressFault(address, nameOf(url), allowed);
    if (refusal) throw new TargetRefused(refusal);
  }
  return found;
}
