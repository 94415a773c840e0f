// Owns the browser's notifications: only who asked for them by the button gets them, when an order ends in a tab that is not
// looked at.

import { visible } from "./text.js";

const KEY = "awo.notify";

const isWanted = () => localStorage.getItem(KEY) === "yes";

/** Whether this browser would show one. */
export const canNotify = () => "Notification" in window && isSecureContext;

export const notifies = () => canNotify() && isWanted() && Notification.permission === "granted";

/** Turns them on, which asks the person, or off; whether they are on now. */
export async function toggleNotify() {
  if (notifies()) {
    localStorage.removeItem(KEY);
    return false;
  }
  const answer = await Notification.requestPermission();
  if (answer === "granted") localStorage.setItem(KEY, "yes");
  return answer === "granted";
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
