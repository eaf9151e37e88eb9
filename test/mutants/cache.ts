/** Mutants of both levels of the cache: no old value is served, and none comes back. */
import type { Mutants } from "./mutant.ts";

export const cache: Mutants[] = [
  {
    file: "lib/cache/local.ts",
    tests: ["unit/lib/cache.local"],
    lines: [
      ["if (epoch !== this.flushes) return;"],
      ["if (!this.floors.has(key)) this.entries", "this.entries"],
      [" && !(held && held.version > value.version)"],
      ["Math.max(version, told)", "version"],
      ["this.flushes++;"],
      ["this.entries.clear();"],
      ["Math.min(absentTtlMs, ttlMs)", "absentTtlMs"],
      ["!this.isOld(key, value) && ", "true && "],
    ],
  },
  {
    file: "lib/cache/local.ts",
    tests: ["unit/mixins/cache.test"],
    lines: [["if (held && held.version < version) this.entries.delete(key);"]],
  },
  {
    file: "mixins/cache.ts",
    tests: ["unit/mixins/cache.test"],
    lines: [
      ["own.loads.delete(key);\n  return", "return"],
      ["own.loads.clear();"],
      ["if (own.loads.get(key) === flight) own", "own"],
      ["if (isNews) options", "options"],
    ],
  },
  {
    file: "mixins/cache.ts",
    tests: ["integration/redis/cache.test"],
    lines: [
      ["await this.shared?.put(keys, value);"],
      [" && !local.isOld(key, held)"],
      ["if (value) shared?.put([key], value);"],
      ["this.shared?.lost();\n        this.readChanges", "this.readChanges"],
    ],
  },
  {
    file: "lib/cache/shared.ts",
    tests: ["integration/redis/cache-shared"],
    lines: [
      ['if (!this.isTrusted) throw new Error("The cache in Redis may be out of date.");'],
      ["if version and version > tonumber(ARGV[1]) then", "if false then"],
      ["this.isTrusted = false;\n    this.losses++;", "this.losses++;"],
      ["this.losses++;"],
      ["this.written.clear();"],
      ["if (done.includes(false)) return false;"],
    ],
  },
];
