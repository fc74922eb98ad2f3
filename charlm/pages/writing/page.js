// What a person sees and does: the text, its surprisal, the next tokens, and the sliders.

const find = (name) => document.getElementById(name);
const model = JSON.parse(find("model").textContent);
const network = new Network(model.config, readTensors(model.tensors, find("weights").textContent));
const tokenizer = tokenizers[model.config.tokenizer](model.rules);
const lines = model.config.lines;
const reader = new Reader(network, tokenizer, lines);

const SLICE = 25, SHOWN = 10; // milliseconds between two looks at the keyboard; tokens in the list
const field = find("text"), heat = find("heat"), about = find("about"), status = find("status");
let running = 0, undo = null; // the number of the task that may go on; the text before what was drawn last

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));
const visible = (text) => text.replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/ /g, "␣");
const percent = (share) => `${(100 * share).toFixed(share < 0.001 ? 4 : 1)} %`;

function label(id) {
  if (id === UNK) return "unknown";
  if (id === EOS) return lines ? "end of line" : "end of text";
  if (id === START) return "start";
  const text = tokenizer.label(id);
  return /^[\p{C}\p{M}]+$/u.test(text) && !/[\n\t]/.test(text)
    ? [...text].map((each) => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ")
    : visible(text);
}

function settings() {
  const without = model.config.leavesOut ? UNK : null;
  return { temperature: Number(find("temperature").value), topP: Number(find("top-p").value), without };
}

// The text in colors, from token `first` on. Bytes that form no character yet are shown with the one that ends them.
function showHeat(first) {
  while (heat.lastChild && Number(heat.lastChild.dataset.last) >= first) heat.lastChild.remove();
  const start = heat.lastChild ? Number(heat.lastChild.dataset.last) + 1 : 0;
  let bits = 0;
  const added = document.createDocumentFragment();
  for (let i = start; i < reader.items.length; i++) {
    const { id, text, bits: own } = reader.items[i];
    bits += own;
    if (!text) continue;
    const each = document.createElement("b");
    each.className = id === UNK ? "unknown" : `s${Math.min(9, Math.max(0, Math.floor(bits)))}`;
    each.textContent = text.replace(/\n/g, "↵\n");
    Object.assign(each.dataset, { last: i, bits });
    added.append(each);
    bits = 0;
  }
  heat.append(added);
  const known = reader.items.filter(({ id }) => id !== UNK);
  const characters = known.reduce((sum, { text }) => sum + [...text].length, 0);
  const total = known.reduce((sum, { bits }) => sum + bits, 0);
  find("figures").textContent = characters ? `${reader.items.length.toLocaleString("en")} tokens, ${
    (total / characters).toFixed(2)} bits per character` : "";
}

function showNext() {
  const own = logSoftmax(reader.logits).map(Math.exp), kept = filtered(reader.logits, settings());
  const best = [...own.keys()].sort((a, b) => own[b] - own[a]).slice(0, SHOWN).filter((id) => own[id] > 0);
  const rows = best.map((id) => {
    const row = document.createElement("li"), button = document.createElement("button");
    const parts = { token: label(id), bar: "", share: percent(own[id]) };
    for (const [name, text] of Object.entries(parts)) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      if (name === "bar") part.style.width = `${100 * own[id]}%`;
      button.append(part);
    }
    button.type = "button";
    button.disabled = id === UNK || id === START || (id === EOS && !lines);
    button.dataset.id = id;
    if (kept[id] === 0) {
      row.className = "out";
      button.append(Object.assign(document.createElement("small"), { textContent: "left out" }));
    }
    row.append(button);
    return row;
  });
  find("next").replaceChildren(...rows);
}

function show(first) {
  showHeat(first);
  showNext();
}

// Read the field, in slices, unless a newer task begins.
async function readField() {
  const task = ++running, tokens = reader.tokens(field.value), first = reader.common(tokens);
  reader.truncate(first);
  let begun = performance.now();
  for (const token of tokens.slice(first)) {
    reader.push(token);
    if (performance.now() - begun < SLICE) continue;
    status.textContent = `reading: ${reader.items.length.toLocaleString("en")} of ${tokens.length.toLocaleString("en")}`;
    await pause();
    if (task !== running) return false;
    begun = performance.now();
  }
  status.textContent = "";
  show(first);
  return true;
}

// Continue the text by drawn tokens, as `charlm sample` would with this seed.
async function proceed() {
  find("stop").disabled = false;
  if (!(await readField())) return;
  const task = ++running, length = Math.max(1, Math.floor(Number(find("length").value) || 1));
  const seed = Math.max(0, Math.floor(Number(find("seed").value) || 0)), start = performance.now();
  const decode = tokenizer.decoder();
  let begun = start, drawn = 0, written = "", piece = "", reason = "", first = reader.items.length, due = start;
  undo = field.value;
  while (drawn < length && !reason) {
    while (drawn < length && performance.now() - begun < SLICE) {
      const id = draw(filtered(reader.logits, settings()), uniform(seed, 0, drawn));
      drawn += 1;
      if (id === EOS && !lines) {
        reason = "the text ends here";
        break;
      }
      const text = id === UNK ? "\ufffd" : id === EOS ? "\n" : decode(id);
      reader.push({ id, text });
      piece += text;
    }
    const now = performance.now();
    if (now >= due || drawn === length || reason) {
      written += piece;
      field.value += piece;
      showHeat(first);
      [piece, first] = ["", reader.items.length];
      void heat.offsetHeight; // lays the page out now, so that this time counts too
      const last = performance.now();
      due = last + Math.max(100, 9 * (last - now)); // showing takes a tenth of the time, however long the text is
    }
    await pause();
    if (task !== running && !reason) reason = "stopped";
    begun = performance.now();
  }
  written += piece;
  field.value += piece;
  showHeat(first);
  const seconds = (performance.now() - start) / 1000, characters = [...written].length;
  if (task === running) running += 1;
  find("stop").disabled = true;
  find("back").disabled = false;
  field.scrollTop = field.scrollHeight;
  showNext();
  status.textContent = `${characters.toLocaleString("en")} characters in ${seconds.toFixed(2)} s${
    reason ? `; ${reason}` : ""}`;
  status.dataset.rate = Math.round(characters / seconds);
}

function stop() {
  running += 1;
  find("stop").disabled = true;
}

function takeBack() {
  if (undo === null) return;
  stop();
  field.value = undo;
  undo = null;
  find("back").disabled = true;
  readField();
}

function add(id) {
  stop();
  const text = id === EOS ? "\n" : [...tokenizer.decoder()(id)].join(""), first = reader.items.length;
  reader.push({ id, text });
  field.value += text;
  show(first);
  find("next").querySelector("button:enabled")?.focus();
}

// Say what a token is; the arrow keys move from one to the next.
function point(token) {
  heat.querySelector(".here")?.classList.remove("here");
  if (!token) return;
  token.classList.add("here");
  const bits = Number(token.dataset.bits), text = visible(token.textContent.replace("↵\n", "\n"));
  about.textContent = token.className.startsWith("unknown") ? `${text} is unknown to the model`
    : `${text}  ${percent(2 ** -bits)}, ${bits.toFixed(2)} bits`;
}

heat.addEventListener("keydown", (event) => {
  const here = heat.querySelector(".here"), ends = { Home: heat.firstChild, End: heat.lastChild };
  const steps = { ArrowLeft: here?.previousSibling, ArrowRight: here ? here.nextSibling : heat.firstChild };
  const next = { ...ends, ...steps }[event.key];
  if (!next) return;
  event.preventDefault();
  point(next);
  next.scrollIntoView({ block: "nearest" });
});
heat.addEventListener("pointerover", (event) => event.target !== heat && point(event.target));
field.addEventListener("input", readField);
find("next").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) add(Number(button.dataset.id));
});
for (const name of ["temperature", "top-p"]) {
  const shows = () => { find(`${name}-value`).textContent = Number(find(name).value).toFixed(2); };
  find(name).addEventListener("input", () => { shows(); showNext(); });
  shows();
}
find("continue").addEventListener("click", proceed);
find("stop").addEventListener("click", stop);
find("back").addEventListener("click", takeBack);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    proceed();
  } else if (event.key === "Escape") stop();
});
window.charlm = { network, reader, tokenizer, readField, proceed }; // for a program that drives the page
readField();
