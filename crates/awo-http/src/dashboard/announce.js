// Owns what is told to those who hear the page: few words, of what matters, not each change.

import { setText } from "./dom.js";

/** Long enough that the region is seen to be empty, so that the same words are spoken again. */
const GAP = 50;

const region = document.getElementById("news");
let timer = null;

/** Says something when nothing more urgent is being said. */
export function announce(words) {
  clearTimeout(timer);
  setText(region, "");
  timer = setTimeout(() => setText(region, words), GAP);
}
