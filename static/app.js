// Small comforts. Every page works without this file; nothing here decides anything.
"use strict";

document.documentElement.classList.add("has-script");
const every = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);
let isLeavingOnPurpose = false;

// Send once: a second click on a slow connection does nothing, and the button says that it is busy.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  isLeavingOnPurpose = true;
  const button = event.submitter;
  if (!button) return;
  // Only marked, not disabled: a disabled button would drop its name and value from what is sent.
  button.setAttribute("aria-disabled", "true");
  button.dataset.label = button.textContent;
  button.textContent = "One moment…";
});
// A page that the browser brings back from its cache must be usable again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  every("form[data-sent]", (form) => delete form.dataset.sent);
  every("button[data-label]", (button) => {
    button.removeAttribute("aria-disabled");
    button.textContent = button.dataset.label;
  });
});

// Copy buttons.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Select and copy by hand";
  }
  setTimeout(() => { label.textContent = before; }, 2000);
});

document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });

// Moments in the reader's own time zone, written as the server writes them; its wording (UTC) stays as the tooltip.
const clockOfReader = new Intl.DateTimeFormat("en-US", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const localWords = (moment) => {
  const { day, month, year, hour, minute } = Object.fromEntries(clockOfReader.formatToParts(moment).map((part) => [part.type, part.value]));
  return `${day} ${month} ${year}, ${hour}:${minute}`;
};
const showLocalTimes = (root) => every("time[datetime*='T']", (time) => {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.valueOf())) return;
  const local = localWords(moment);
  // "3 hours ago" stays as it is and carries the exact time in its title.
  if (!time.title) [time.title, time.textContent] = [time.textContent.trim(), local];
  else time.title = local;
}, root);

// How many characters are left, said politely and only near the end.
const addCounters = (root) => every("textarea[data-count]", (area) => {
  const counter = document.createElement("span");
  counter.className = "counter";
  counter.setAttribute("aria-live", "polite");
  area.after(counter);
  const count = () => {
    const left = area.maxLength - area.value.length;
    counter.textContent = left < area.maxLength / 3 ? `${left} characters left` : "";
    counter.classList.toggle("over", left <= 0);
  };
  area.addEventListener("input", count);
  count();
}, root);

// Unsaved text.
every("form[data-guard]", (form) => form.addEventListener("input", () => { form.dataset.changed = "yes"; }));
window.addEventListener("beforeunload", (event) => {
  if (!isLeavingOnPurpose && document.querySelector("form[data-changed]")) event.preventDefault();
});

// Menus close on Escape and on a click elsewhere.
const closeMenus = (except) => every("details[data-menu][open]", (menu) => { if (menu !== except) menu.open = false; });
document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement?.closest("details[data-menu][open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

// Nobody loses a word, or the place they type at, to a page that renews itself.
const isTyping = () => document.querySelector("form[data-changed]") ?? document.activeElement?.matches("input, textarea, select");

// A part that waits for a job renews itself, less and less often. When the server drops the attribute, the wait is
// over for the rest of the page too: all of it is fetched anew, so that it says one thing.
const renew = (part, wait) => setTimeout(async () => {
  let waiting = part;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      if (fresh && !fresh.dataset.refresh && !isTyping()) return location.reload();
      if (fresh && !part.contains(document.activeElement)) {
        part.replaceWith(fresh);
        showLocalTimes(fresh);
        addCounters(fresh);
        waiting = fresh;
      }
    } catch { /* the next turn tries again */ }
  }
  if (waiting.dataset.refresh) renew(waiting, Math.min(wait * 1.3, 60));
}, wait * 1000);

showLocalTimes(document);
addCounters(document);
every("[data-refresh][id]", (part) => renew(part, Number(part.dataset.refresh) || 5));
document.querySelector("[data-focus]")?.focus();
// Of a row of tabs wider than the window, the one we are at is seen.
const showTabs = () => every(".tabs [aria-current]", (tab) => { const row = tab.closest(".tabs"); row.scrollLeft = tab.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2; });
showTabs();
window.addEventListener("resize", showTabs);
