import { call } from "../../../services/messages.ts";
import { problem } from "../contracts/kit.ts";
import { change, clientId, get, service, system, told, version } from "./policy.kit.ts";

/** A webhook's secret is shown once, signs until its time is over, and is deleted with the webhook. */
export function webhookSecretTests(): void {
  const url = "https://partner.example/hooks";
  const secrets = () => call(system.broker, "policy.webhookSecrets", { clientId });
  const rotate = (graceSeconds: number) =>
    call(system.broker, "policy.rotateWebhookSecret", { clientId, graceSeconds });

  test("only a change that names a new receiver shows the secret", async () => {
    const { webhookSecret, policy } = await change({ webhook: { url } });
    expect(policy.webhook).toEqual({ url, events: ["batch.completed"] });
    expect(webhookSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await secrets()).toEqual([webhookSecret]);
    for (const document of [{ weight: 2 }, { webhook: { url } }, { webhook: { events: ["batch.ready"] } }])
      expect(await change(document)).not.toHaveProperty("webhookSecret");
    expect(await secrets()).toEqual([webhookSecret]);
    const other = await change({ webhook: { url: `${url}/2` } });
    expect(other.webhookSecret).not.toBe(webhookSecret);
    expect(await secrets()).toEqual([other.webhookSecret]);
  });

  test("is deleted with the webhook, and the next webhook has a new one", async () => {
    const first = await change({ webhook: { url } });
    await change({ webhook: null });
    expect(await secrets()).toEqual([]);
    await expect(rotate(60)).rejects.toEqual(problem("not-found"));
    const second = await change({ webhook: { url } });
    expect(second.webhookSecret).not.toBe(first.webhookSecret);
  });

  test("is in no version of the policy, and in no event", async () => {
    const { webhookSecret = "", version: last } = await change({ webhook: { url } });
    const rotated = await rotate(60);
    const { models } = service().database;
    const shown = JSON.stringify([
      await get(),
      await version(last),
      told,
      await models.Policy.findAll({ raw: true }),
      await models.Outbox.findAll({ raw: true }),
    ]);
    expect(shown).toContain(url);
    for (const secret of [webhookSecret, rotated.secret]) expect(shown).not.toContain(secret.slice("whsec_".length));
  });

  test("after rotations each old secret is valid for its own grace period", async () => {
    const { webhookSecret } = await change({ webhook: { url } });
    const before = Date.now();
    const second = await rotate(3600);
    expect(second.previousValidUntil).toBeGreaterThanOrEqual(before + 3_599_000);
    const third = await rotate(60);
    expect(await secrets()).toEqual([third.secret, second.secret, webhookSecret]);
    const fourth = await rotate(0);
    expect(await secrets()).toEqual([fourth.secret]);
  });

  test("is not changed by a failed change", async () => {
    const { webhookSecret } = await change({ webhook: { url } });
    await expect(change({ webhook: { url: "http://10.0.0.1/" } })).rejects.toEqual(problem("validation"));
    expect(await secrets()).toEqual([webhookSecret]);
  });

  test("is deleted when the receiver is gone, unless the webhook has another URL by then", async () => {
    const off = (gone: string) => call(system.broker, "policy.turnWebhookOff", { clientId, url: gone });
    await change({ webhook: { url } });
    expect(await off(`${url}/before`)).toBe(false);
    expect((await get()).policy.webhook).not.toBeNull();
    expect(await off(url)).toBe(true);
    expect((await get()).policy.webhook).toBeNull();
    expect(await secrets()).toEqual([]);
    expect(await off(url)).toBe(false);
  });
}
