/** What tests make once for each state of some sources, and keep beside what else tools keep of a working copy. */
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { root } from "../../root.cjs";

const folder = join(root, "node_modules/.cache/dataflow-test");

/** The path for the sources as they are now: its name has the hash of everything that the result depends on. */
function pathOfNow(sources: readonly string[], ending: string): string {
  const hash = createHash("sha256");
  for (const name of globSync(sources, { cwd: root }).sort()) hash.update(name).update(readFileSync(join(root, name)));
  return join(folder, hash.digest("hex").slice(0, 32) + ending);
}

/** A run that is under way may still use what is of another state. */
const A_DAY_MS = 86_400_000;

function removeOld(): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && found.mtimeMs < Date.now() - A_DAY_MS) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * The path of a file or folder that `make` has made of the sources as they are now. It makes it at another path, for it gets its
 * own when it is whole. What no run has used for a day goes.
 */
export async function kept(
  sources: readonly string[],
  ending: string,
  make: (at: string, path: string) => Promise<void>,
): Promise<string> {
  const path = pathOfNow(sources, ending);
  if (existsSync(path)) {
    utimesSync(path, new Date(), new Date());
    return path;
  }
  mkdirSync(folder, { recursive: true });
  removeOld();
  // Made under a name of this process and then renamed, so that another run never sees half of it. If another run was faster, its result stays.
  const own = `${path}.${process.pid}`;
  await make(own, path);
  if (!existsSync(path)) renameSync(own, path);
  return path;
}
