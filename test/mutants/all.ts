import { answers } from "./answers.ts";
import { batch } from "./batch.ts";
import { cache } from "./cache.ts";
import { leases } from "./leases.ts";

export const all = [...batch, ...cache, ...leases, ...answers];
