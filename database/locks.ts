/** The seam of the lock table: named locks with a time to live, by the database's clock. A dialect implements it. */
export interface LockStore {
  /** Takes `name` where nobody holds it, or its holder's time is over. */
  acquireLock(name: string, token: string, ttlMs: number): Promise<boolean>;
  /** False: its time was over, or another has it. */
  extendLock(name: string, token: string, ttlMs: number): Promise<boolean>;
  releaseLock(name: string, token: string): Promise<void>;
  /** Deletes those whose time is over: who died gives none back, and of a batch that goes on the lock has another name. */
  forgetLocks(): Promise<void>;
}
