/**
 * Notes what a test file leaves running if it fails early. environment.cjs stops these things, so that Jest's process can end.
 */

const kept = globalThis as { leftRunning?: Set<() => Promise<void>> };
kept.leftRunning ??= new Set();
const left = kept.leftRunning;

/** Answers a function that stops something. If the test file does not call it, environment.cjs does. */
export function untilStopped(stop: () => Promise<void>): () => Promise<void> {
  const end = async () => {
    left.delete(end);
    await stop();
  };
  left.add(end);
  return end;
}
