// Owns the browser's notifications: only who asked for them by the button gets them, when an order ends in a tab that is not
// looked at.

import { visible } from "./text.js";

const KEY = "awo.notify";

/** A browser may keep nothing for pages, and says so by an error. */
function isWanted() {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    return false;
  }
}

/** Keeps whether they are wanted; whether that could be kept. */
function want(isIt) {
  try {
    if (isIt) localStorage.setItem(KEY, "yes");
    else localStorage.removeItem(KEY);
    return true;
  } catch {
    return false;
  }
}

/** Whether this browser would show one. */
export const canNotify = () => "Notification" in window && isSecureContext;

export const notifies = () => canNotify() && isWanted() && Notification.permission === "granted";

/** Turns them on, which asks the person, or off; whether they are on now. */
export async function toggleNotify() {
  if (notifies()) {
    want(false);
    return false;
  }
  return await Notification.requestPermission() === "granted" && want(true);
}

/** Shows one, if they are wanted and the tab is not looked at. */
export function notify(title, body, tag) {
  if (!notifies() || (!document.hidden && document.hasFocus())) return;
  const shown = new Notification(visible(title), { body: visible(body), tag, icon: "/page/icon-idle.svg" });
  shown.addEventListener("click", () => {
    window.focus();
    shown.close();
  });
}
