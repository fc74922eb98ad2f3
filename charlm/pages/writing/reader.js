// The text that was read so far, token by token, with the state after it. An edit reads again from the edit on.

const UNK = 0, START = 1, EOS = 2, SPACING = 64; // tokens from one stored state to the next

class Reader {
  constructor(network, tokenizer, lines) {
    Object.assign(this, { network, tokenizer, lines, items: [], stored: [] });
    this.restore(0);
  }

  // The tokens of a text. In line mode a newline ends a sequence.
  tokens(text) {
    if (!this.lines) return this.tokenizer.encode(text);
    return text.split("\n").flatMap((line, number) => [
      ...(number ? [{ id: EOS, text: "\n" }] : []), ...this.tokenizer.encode(line)]);
  }

  // Read a token, and keep how surprising it was.
  push({ id, text }) {
    this.items.push({ id, text, bits: -logSoftmax(this.logits)[id] / Math.LN2 });
    this.advance(id);
  }

  advance(id) {
    if (id === EOS) this.state = this.network.start();
    this.logits = this.network.step(this.state, id === EOS ? START : id);
    this.count += 1;
    if (this.count % SPACING === 0) this.store();
  }

  store() {
    this.stored[this.count / SPACING] = { state: copyState(this.state), logits: this.logits.slice() };
  }

  // Keep the first `count` tokens.
  truncate(count) {
    if (count === this.items.length) return;
    const kept = this.items.slice(0, count);
    this.restore(Math.floor(count / SPACING));
    for (const { id } of kept.slice(this.count)) this.advance(id);
    this.items = kept;
  }

  restore(number) {
    this.count = number * SPACING;
    this.stored.length = Math.min(this.stored.length, number + 1);
    if (number) {
      this.state = copyState(this.stored[number].state);
      this.logits = this.stored[number].logits.slice();
    } else {
      this.state = this.network.start();
      this.logits = this.network.step(this.state, START);
    }
  }

  // The number of tokens at the beginning that a text has in common with what was read.
  common(tokens) {
    let count = 0;
    while (count < this.items.length && count < tokens.length && this.items[count].id === tokens[count].id
      && this.items[count].text === tokens[count].text) count++;
    return count;
  }
}
