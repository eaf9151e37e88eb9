/** Work that has only so much time. What comes of it later is ignored. */

/** Settles as `work` does, but rejects after `ms` at the latest. */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("it does not answer")), ms);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Resolves or rejects as `work` does, but resolves after `ms` in any case. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
