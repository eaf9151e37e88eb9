/** Reads /metrics as Prometheus does. */

/** The samples by name and labels. Throws if the text is not in Prometheus' format. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const [, named] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (named) {
      expect(typed).not.toContain(named);
      typed.add(named);
    }
    if (line === "" || line.startsWith("#")) continue;
    const [, key, name, value] = /^(([a-z_][a-z0-9_]*)(?:\{(?:\w+="[^"\\\n]*",?)*\})?) (\S+)$/i.exec(line) ?? [];
    if (!key || !name) throw new Error(`No sample: ${line}`);
    expect(typed.has(name) || typed.has(name.replace(/_(bucket|sum|count)$/, ""))).toBe(true);
    expect(samples.has(key)).toBe(false);
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
