import { hash, randomBytes, timingSafeEqual } from "node:crypto";

/** The columns that decide whether a secret is right. Hashes are SHA-256. */
export interface SecretHashes {
  secretHash: Buffer;
  oldSecretHash: Buffer | null;
  /** Epoch ms until which the old secret is valid. */
  oldSecretUntil: number | null;
}

/** A new secret of 256 bits. Nobody can guess it, so a fast hash is enough to store it. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

export const hashOf = (secret: string): Buffer => hash("sha256", secret, "buffer");

/** The hash to compare with if there is no client, so that an unknown client takes as long as a wrong secret. */
const nobody: SecretHashes = { secretHash: randomBytes(32), oldSecretHash: null, oldSecretUntil: null };

/** Whether the secret with the hash `given` is the client's; in constant time, also for no client at all. */
export function isSecretOf(client: SecretHashes | null, given: Buffer, nowMs: number): boolean {
  const { secretHash, oldSecretHash, oldSecretUntil } = client ?? nobody;
  const isCurrent = timingSafeEqual(given, secretHash);
  const isOld = timingSafeEqual(given, oldSecretHash ?? nobody.secretHash) && (oldSecretUntil ?? 0) > nowMs;
  return client !== null && (isCurrent || isOld);
}
