import { hashOf, isSecretOf, newSecret } from "../../../services/clientCache/clientCache.known.ts";
import { problem } from "../contracts/kit.ts";

import { create, login, rotate, service } from "./clientCache.kit.ts";

/** Secrets: how they are compared, and how long an old secret is valid after a rotation. */
export function secretTests(): void {
  describe("a secret", () => {
    const secret = newSecret();
    const old = newSecret();
    const client = { secretHash: hashOf(secret), oldSecretHash: hashOf(old), oldSecretUntil: 1_000 };

    test("two new secrets are never the same", () => {
      expect(new Set(Array.from({ length: 100 }, newSecret)).size).toBe(100);
    });

    test.each([
      ["the current one", secret, 5_000, true],
      ["the old one within its grace", old, 999, true],
      ["the old one when its grace is over", old, 1_000, false],
      ["another", newSecret(), 0, false],
    ])("%s", (_which, given, nowMs, isRight) => {
      expect(isSecretOf(client, hashOf(given), nowMs)).toBe(isRight);
      expect(isSecretOf(null, hashOf(given), nowMs)).toBe(false);
    });

    test("an old secret without an end is never valid", () => {
      expect(isSecretOf({ ...client, oldSecretUntil: null }, hashOf(old), 0)).toBe(false);
    });

    test("a check costs two comparisons, also for an unknown client", () => {
      const crypto = jest.requireActual<typeof import("node:crypto")>("node:crypto");
      const compare = jest.fn(crypto.timingSafeEqual);
      jest.isolateModules(() => {
        jest.doMock("node:crypto", () => ({ ...crypto, timingSafeEqual: compare }));
        const own = jest.requireActual<typeof import("../../../services/clientCache/clientCache.known.ts")>(
          "../../../services/clientCache/clientCache.known.ts",
        );
        const asked = [client, { ...client, oldSecretHash: null, oldSecretUntil: null }, null].map((who) => {
          compare.mockClear();
          own.isSecretOf(who, hashOf(secret), 0);
          return compare.mock.calls.length;
        });
        expect(asked).toEqual([2, 2, 2]);
      });
      jest.dontMock("node:crypto");
    });
  });

  describe("rotating", () => {
    test("after a rotation the old secret is valid for its grace period, by the database's clock", async () => {
      const { client, secret } = await create();
      const rotated = await rotate(client.publicId, 60);
      const now = await service().database.now();
      expect(rotated.previousValidUntil).toBeGreaterThan(now + 50_000);
      expect(rotated.previousValidUntil).toBeLessThanOrEqual(now + 60_000);
      expect(await login(secret)).not.toBeNull();
      expect(await login(rotated.secret)).not.toBeNull();
      jest.spyOn(Date, "now").mockReturnValue(rotated.previousValidUntil);
      expect(await login(secret)).toBeNull();
      expect(await login(rotated.secret)).not.toBeNull();
    });

    test("without a grace period the old secret is revoked at once", async () => {
      const { client, secret } = await create();
      await login(secret);
      const rotated = await rotate(client.publicId, 0);
      expect([await login(secret), (await login(rotated.secret))?.publicId]).toEqual([null, client.publicId]);
    });

    test("only the last old secret stays valid", async () => {
      const { client, secret } = await create();
      const second = await rotate(client.publicId, 60);
      const third = await rotate(client.publicId, 60);
      expect(await login(secret)).toBeNull();
      expect(await login(second.secret)).not.toBeNull();
      expect(await login(third.secret)).not.toBeNull();
    });

    test("after two rotations at the same time both secrets work", async () => {
      const { client } = await create();
      const both = await Promise.all([rotate(client.publicId, 60), rotate(client.publicId, 60)]);
      for (const { secret } of both) expect(await login(secret)).not.toBeNull();
    });

    test("a rotation for an unknown client is not found", async () => {
      await expect(rotate("nobody", 0)).rejects.toEqual(problem("not-found"));
    });
  });
}
