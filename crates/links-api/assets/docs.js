// The search of the documentation, and the contents on a narrow page.
"use strict";

document.documentElement.classList.add("has-script");

const menu = document.getElementById("menu");
const contents = document.getElementById("contents");
menu.addEventListener("click", () => {
  const isOpen = contents.classList.toggle("is-open");
  menu.setAttribute("aria-expanded", String(isOpen));
});

const input = document.getElementById("search");
const results = document.getElementById("results");
const MAX_RESULTS = 20;
let index = null;

// The entries, with their texts in lower case. They are loaded with the first search.
async function loadIndex() {
  const response = await fetch("/docs/search.json");
  const entries = await response.json();
  return entries.map((entry) => ({
    ...entry,
    head: `${entry.title} ${entry.place}`.toLowerCase(),
    body: entry.text.toLowerCase(),
  }));
}

// Entries that have all words, first those that have them in their title or path.
function find(words) {
  const points = (entry) => {
    let sum = 0;
    for (const word of words) {
      if (entry.head.includes(word)) sum += 2;
      else if (entry.body.includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  };
  return index
    .map((entry) => ({ entry, points: points(entry) }))
    .filter((found) => found.points > 0)
    .sort((a, b) => b.points - a.points)
    .slice(0, MAX_RESULTS)
    .map((found) => found.entry);
}

// Text only: what is found is never HTML.
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function excerpt(entry, word) {
  const at = Math.max(0, entry.body.indexOf(word) - 60);
  const text = entry.text.slice(at, at + 160).trim();
  return at > 0 ? `… ${text}` : text;
}

function show(entries, words) {
  results.replaceChildren();
  for (const entry of entries) {
    const link = element("a", "", entry.title);
    link.href = entry.path;
    link.append(" ", element("span", "place", entry.place));
    link.append(element("span", "excerpt", excerpt(entry, words[0])));
    link.addEventListener("click", close);
    results.append(link);
  }
  if (entries.length === 0) results.append(element("p", "", "Nothing has all of these words."));
  results.hidden = false;
}

function close() {
  results.hidden = true;
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return close();
  index ??= await loadIndex();
  show(find(words), words);
}

input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
  if (event.key === "Enter") results.querySelector("a")?.click();
});
document.addEventListener("click", (event) => {
  if (!results.contains(event.target) && event.target !== input) close();
});

// The reference opens an operation when it is loaded: within it, a link must load it again.
addEventListener("hashchange", () => {
  if (document.getElementById("swagger-ui")) location.reload();
});
