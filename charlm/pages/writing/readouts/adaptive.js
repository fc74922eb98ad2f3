// Adaptive softmax: P(token) = P(group) · P(token | group); each frequent token is a group by itself.
readouts["adaptive"] = ({ numbers, allowed, size }) => {
  const places = numbers("readout.places"), bias = numbers("readout.head.bias"), head = new Float32Array(bias.length);
  const tails = [];
  while (numbers(`readout.tail.${tails.length}.0.weight`)) {
    const [narrow, wide] = [0, 1].map((part) => numbers(`readout.tail.${tails.length}.${part}.weight`));
    const width = narrow.length / (numbers("readout.head.weight").length / bias.length);
    tails.push({ narrow, wide, between: new Float32Array(width), out: new Float32Array(wide.length / width) });
  }
  const possible = new Uint8Array(size); // in the order of frequency
  places.forEach((place, token) => { possible[place] = allowed[token]; });
  const shortlist = bias.length - tails.length, ordered = new Float32Array(size);
  let first = shortlist;
  for (const tail of tails) {
    tail.first = first;
    tail.open = possible.subarray(first, first + tail.out.length).some(Boolean);
    first += tail.out.length;
  }
  return (x, logits) => {
    multiply(numbers("readout.head.weight"), x, bias, head);
    for (let i = 0; i < shortlist; i++) if (!possible[i]) head[i] = -Infinity;
    tails.forEach(({ open }, i) => { if (!open) head[shortlist + i] = -Infinity; });
    const shares = logSoftmax(head);
    for (let i = 0; i < shortlist; i++) ordered[i] = shares[i];
    tails.forEach(({ narrow, wide, between, out, first, open }, number) => {
      if (!open) return ordered.fill(-Infinity, first, first + out.length);
      multiply(wide, multiply(narrow, x, null, between), null, out);
      for (let i = 0; i < out.length; i++) if (!possible[first + i]) out[i] = -Infinity;
      logSoftmax(out).forEach((each, i) => { ordered[first + i] = shares[shortlist + number] + each; });
    });
    for (let token = 0; token < size; token++) logits[token] = ordered[places[token]];
    return logits;
  };
};
