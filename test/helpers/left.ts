/** What a test file leaves running where it fails before its own end: environment.cjs stops it, so that Jest's process can end. */

const kept = globalThis as { leftRunning?: Set<() => Promise<void>> };
kept.leftRunning ??= new Set();
const left = kept.leftRunning;

/** Stops it; the file's environment does, too, unless the file has. */
export function untilStopped(stop: () => Promise<void>): () => Promise<void> {
  const end = async () => {
    left.delete(end);
    await stop();
  };
  left.add(end);
  return end;
}
