/** A client with the hashes of its secrets, in each of its forms: row, cache entry, public part. */
import type { Client, ClientStatus } from "./clientCache.contract.ts";
import type { SecretHashes } from "./clientCache.secrets.ts";

export type Known = Client & SecretHashes;

/** A row as the service uses it; BIGINT columns come as text from some databases. */
export function knownOf(row: Known): Known {
  const { oldSecretUntil } = row;
  return {
    id: Number(row.id),
    publicId: row.publicId,
    identifier: row.identifier,
    name: row.name,
    status: row.status as ClientStatus,
    policyVersion: Number(row.policyVersion),
    version: Number(row.version),
    createdAt: Number(row.createdAt),
    secretHash: Buffer.from(row.secretHash),
    oldSecretHash: row.oldSecretHash && Buffer.from(row.oldSecretHash),
    oldSecretUntil: oldSecretUntil === null ? null : Number(oldSecretUntil),
  };
}

export function publicPart({
  id,
  publicId,
  identifier,
  name,
  status,
  policyVersion,
  version,
  createdAt,
}: Known): Client {
  return { id, publicId, identifier, name, status, policyVersion, version, createdAt };
}

/** The names under which the cache has it. */
export const keysOf = ({ id, publicId, identifier }: Pick<Client, "id" | "publicId" | "identifier">) => [
  `id:${id}`,
  `publicId:${publicId}`,
  `identifier:${identifier}`,
];

const bytes = (hex: unknown) => Buffer.from(hex as string, "hex");

export const toJson = ({ secretHash, oldSecretHash, ...rest }: Known) => ({
  ...rest,
  secretHash: secretHash.toString("hex"),
  oldSecretHash: oldSecretHash?.toString("hex") ?? null,
});

export function fromJson(json: unknown): Known {
  // Nobody else has this object, so it is changed in place. A copy would cost half of a read from Redis.
  const known = json as Known;
  known.secretHash = bytes(known.secretHash);
  known.oldSecretHash &&= bytes(known.oldSecretHash);
  return known;
}
