/** Overview: is it well, and what needs somebody. */
import { useQuery } from "../state/live.js";
import { ErrorBox } from "../ui/error-box.js";
import { html } from "../ui/html.js";
import { count } from "../ui/numbers.js";
import { Page, Section } from "../ui/page.js";

/** @import { SystemStats } from "../types.d.ts" */

export default function Overview() {
  const stats = useQuery("/admin/stats", { topics: ["stats"] });
  const data = /** @type {SystemStats | null} */ (stats.data);
  return html`<${Page} title="Overview">
    <${ErrorBox} problem=${stats.problem} title="The figures could not be read." onRetry=${stats.reload} />
    ${
      data &&
      html`<${Section} title="Queue"><dl class="figures">
        <div><dt>Ready</dt><dd>${count(data.queue.ready)}</dd></div>
        <div><dt>Processing</dt><dd>${count(data.queue.processing)}</dd></div>
        <div><dt>Held</dt><dd>${count(data.queue.held)}</dd></div>
      </dl></${Section}>`
    }
  </${Page}>`;
}
