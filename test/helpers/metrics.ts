/** Reads /metrics as Prometheus does. */

/**
 * The samples by name and labels. Throws if the text is not in Prometheus' format. It does not call `expect`, which makes all
 * its matchers each time: the text has 650 lines, and tests read it again until a number is there.
 */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const [, named] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (named) {
      if (typed.has(named)) throw new Error(`A second type: ${line}`);
      typed.add(named);
    }
    if (line === "" || line.startsWith("#")) continue;
    const [, key, name, value] = /^(([a-z_][a-z0-9_]*)(?:\{(?:\w+="[^"\\\n]*",?)*\})?) (\S+)$/i.exec(line) ?? [];
    if (!key || !name) throw new Error(`No sample: ${line}`);
    if (!typed.has(name) && !typed.has(name.replace(/_(bucket|sum|count)$/, ""))) throw new Error(`No type: ${line}`);
    if (samples.has(key)) throw new Error(`A second sample: ${line}`);
    samples.set(key, Number(value));
  }
  return samples;
}

/** The samples of a node by name and labels. */
export async function metrics(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return samplesOf(await response.text());
}
