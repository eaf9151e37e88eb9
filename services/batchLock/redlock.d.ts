/** Types of the parts of redlock 4.2.0 that we use. It has none of its own, and @types/redlock needs an older ioredis. */
declare module "redlock" {
  export interface RedlockClient {
    evalsha(hash: string, args: unknown[], done: (error: Error | null, answer?: unknown) => void): void;
    eval(args: unknown[], done: (error: Error | null, answer?: unknown) => void): void;
  }
  interface Options {
    driftFactor?: number;
    retryCount?: number;
    retryDelay?: number;
    retryJitter?: number;
  }
  export class Lock {
    constructor(
      redlock: Redlock,
      resource: string[],
      value: string,
      expiration: number,
      attempts: number,
      left: number,
    );
    value: string;
    /** Until when the lock is held, in epoch ms. */
    expiration: number;
  }
  class Redlock {
    static Lock: typeof Lock;
    static LockError: new (
      message: string,
    ) => Error;
    constructor(clients: RedlockClient[], options?: Options);
    acquire(resource: string | string[], ttl: number): Promise<Lock>;
    extend(lock: Lock, ttl: number): Promise<Lock>;
    unlock(lock: Lock, done?: (error: Error | null) => void): Promise<void>;
    /** The value of a new lock. */
    _random(): string;
    emit(event: string, error: Error): boolean;
  }
  export default Redlock;
}
