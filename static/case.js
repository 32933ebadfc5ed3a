// Keys for moderators, where they want them: one key presses what carries data-key. Everything works without.
"use strict";

const KEPT = "fingerpost-keys";
const help = document.getElementById("keys");
const isOn = () => localStorage.getItem(KEPT) !== "off";
const isTypedInto = (element) => element.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

const toggle = help?.querySelector("[data-keys-toggle]");
const tell = () => { if (toggle) toggle.textContent = isOn() ? "Switch the keys off" : "Switch the keys on"; };
tell();
toggle?.addEventListener("click", () => { localStorage.setItem(KEPT, isOn() ? "off" : "on"); tell(); });
document.querySelectorAll("[data-keys-help]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => help?.showModal());
});

// Of a long post the quoted sentence is seen first.
const quote = document.querySelector(".post-text [data-quote]");
if (quote) quote.closest(".post-text").scrollTop = quote.offsetTop - 60;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isTypedInto(event.target)) return event.target.blur(); // The keys are at hand again.
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || help?.open || isTypedInto(event.target)) return;
  if (event.key === "?" && help) {
    event.preventDefault();
    help.showModal();
    return;
  }
  if (!isOn()) return;
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!wanted) return;
  event.preventDefault();
  // A button does what it says; a part of the page is opened and gone to, to be filled in.
  if (wanted.matches("button, a[href]")) return wanted.click();
  const fold = wanted.querySelector("details");
  if (fold) fold.open = true;
  wanted.querySelector("select, textarea, input:not([type=hidden])")?.focus();
});
