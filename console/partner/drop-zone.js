/** The place where a file is dropped or chosen. The whole page accepts a drop, so that nobody misses the place. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { bytes } from "../ui/numbers.js";
import { toast } from "../ui/toast.js";
import { formatNames } from "./file.js";
import { chosen, sending } from "./sending.js";

/** @param {{ formats: string[], onFile: (file: File) => void }} props */
export function DropZone({ formats, onFile }) {
  const [isOver, setOver] = useState(false);
  const take = useRef(onFile);
  take.current = onFile;
  useEffect(() => {
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (/** @type {DragEvent} */ event) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 1) toast("One file at a time: the first one is taken.", "plain");
      if (files[0] && sending.peek() === null) take.current(files[0]);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  const pick = (/** @type {any} */ event) => {
    const [file] = event.target.files;
    if (file) onFile(file);
    // Clears the input, so that the same file can be chosen again after a change.
    event.target.value = "";
  };
  const now = chosen.value;
  const names = formats.map((format) => format.toUpperCase()).join(", ");
  return html`<label class=${`drop${isOver ? " over" : ""}${now ? " has-file" : ""}`}>
    <input type="file" class="offscreen" disabled=${sending.value !== null} onChange=${pick} />
    <${Icon} name="upload" />
    ${
      now
        ? html`<span><strong>${now.file.name}</strong> <span class="quiet">${bytes(now.file.size)} · ${formatNames[now.kind.format]}${now.kind.isGzip ? ", packed with gzip" : ""}</span></span>
          <span class="quiet">${sending.value ? "is being sent" : "Drop another file here, or press to choose one"}</span>`
        : html`<span><strong>Drop a file here</strong>, or press to choose one</span>
          <span class="quiet">${names && `${names}, also packed as .gz`}</span>`
    }
    ${now?.file.size === 0 && html`<span class="bad">The file is empty.</span>`}
  </label>`;
}
