/**
 * Answers "Was this file ever imported?". The browser hashes a dropped file and the API looks the hash up. The file itself is not
 * sent.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { useKeys } from "../state/keys.js";
import { navigate } from "../state/router.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { toast } from "../ui/toast.js";

/** Browsers can hash a file only as a whole in memory, so larger files are refused. */
const MOST_BYTES = 512 * 1024 * 1024;

/** @param {File} file @returns {Promise<string>} as the API writes it */
export async function checksumOf(file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return `sha-256=:${btoa(String.fromCharCode(...digest))}:`;
}

/** @param {File} file */
export async function lookUp(file) {
  if (!globalThis.isSecureContext)
    return toast("Browsers make no checksums over plain HTTP. Search for the file's SHA-256 instead.", "bad");
  if (file.size > MOST_BYTES)
    return toast(`${file.name} is too large to be hashed here. Search for its SHA-256 instead.`, "bad");
  try {
    navigate("/batches", { q: await checksumOf(file) });
    toast(`Batches with the content of ${file.name}. The file did not leave this computer.`, "plain");
  } catch {
    toast(`${file.name} could not be read.`, "bad");
  }
}

/** A button and a drop zone that covers the whole page. Browsers hash only in a secure context, so elsewhere both are hidden. */
export function DropFile() {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    if (!globalThis.isSecureContext) return;
    const hasFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") === true;
    const over = (/** @type {DragEvent} */ event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (/** @type {DragEvent} */ event) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (/** @type {DragEvent} */ event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file) lookUp(file);
    };
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
    };
  }, []);
  useKeys(
    globalThis.isSecureContext ? [{ keys: "f", label: "Look a file up", run: () => input.current?.click() }] : [],
  );
  if (!globalThis.isSecureContext) return null;
  const pick = () => {
    const file = input.current?.files?.[0];
    if (file) lookUp(file);
    if (input.current) input.current.value = "";
  };
  return html`<button type="button" class="button small" title="Was this file ever imported? It is hashed here and looked up; nothing of it is sent." onClick=${() => input.current?.click()}><${Icon} name="search" />By file</button>
    <input ref=${input} class="offscreen" type="file" tabindex="-1" aria-label="A file to look up" onChange=${pick} />
    ${isOver && html`<div class="drop-here"><p><${Icon} name="search" />Drop the file to see whether it was ever imported</p></div>`}`;
}
