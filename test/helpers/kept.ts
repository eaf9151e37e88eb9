/** Results that tests make once for each state of some source files. They are kept in node_modules/.cache. */
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

/**
 * The path of the result for the present state of the sources. Its name contains a hash of everything that the result depends on.
 */
function pathOfNow(sources: readonly string[], ending: string): string {
  const hash = createHash("sha256");
  for (const name of globSync(sources, { cwd: root }).sort()) hash.update(name).update(readFileSync(join(root, name)));
  return join(folder, hash.digest("hex").slice(0, 32) + ending);
}

/** Results older than this are removed. A younger one may be in use by another run, for another state of the sources. */
const A_DAY_MS = 86_400_000;

function removeOld(): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && found.mtimeMs < Date.now() - A_DAY_MS) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * The path of a file or folder that `make` makes from the present sources. It is made under another path and renamed when it is
 * complete. Results that no run has used for a day are removed.
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
