/** A system whose metrics a test reads. */
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { type System, startSystem } from "../../helpers/system.ts";

export let system: System;

export async function start(...options: Parameters<typeof startSystem>): Promise<void> {
  system = await startSystem(...options);
}

export async function importOnce() {
  const client = await newClient(system.url, { schema: { type: "object", required: ["a"] } });
  const { id } = await accepted(system.url, client, '{"a":1}\n{"a":2}\n{"b":3}\n');
  await batchWhen(system.url, client, id);
  return { client, id };
}

/** Stops the system of each test after it. */
export function stopAfterEach(): void {
  afterEach(() => system?.stop());
}
