/** Settles as `work` does, but rejects after `ms` at the latest. A later result is ignored. */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("it does not answer")), ms);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
