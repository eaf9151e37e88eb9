/** Keeps the focus in the page: a button that goes away once it has done its work would leave it nowhere. */

/** Goes to the page's heading when what had the focus is taken out of the page. To be called once. @param {HTMLElement} root */
export function keepFocus(root) {
  /** @type {Element | null} */
  let last = null;
  addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : null;
  });
  const look = () => {
    if (!last || last.isConnected || document.activeElement !== document.body) return;
    if (document.querySelector("dialog[open]")) return;
    last = null;
    document.querySelector("h1")?.focus({ preventScroll: true });
  };
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
}
