// Owns what is told to those who hear the page: few words, of what matters, not each change.

import { setText } from "./dom.js";

const region = document.getElementById("news");

/** Says something when nothing more urgent is being said. */
export function announce(words) {
  setText(region, words);
}
