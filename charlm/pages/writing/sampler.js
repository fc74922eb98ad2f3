// Drawing a token as `charlm sample` does, with the same random numbers for the same seed.

const mask64 = (1n << 64n) - 1n, golden = 0x9E3779B97F4A7C15n;

function mix(z) { // the finalizer of SplitMix64
  z = ((z ^ (z >> 30n)) * 0xBF58476D1CE4E5B9n) & mask64;
  z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & mask64;
  return z ^ (z >> 31n);
}

// A number in [0, 1) for each tuple of integers.
function uniform(...counters) {
  let word = 0n;
  for (const counter of counters) word = mix((word * golden + BigInt(counter) + golden) & mask64);
  return Number(word >> 11n) * 2 ** -53;
}

// The probability of each token after temperature and top-p; 0 for a token that is left out.
function filtered(logits, { temperature, topP, without }) {
  const scaled = Float64Array.from(logits);
  if (without !== null) scaled[without] = -Infinity;
  let most = 0;
  for (let i = 1; i < scaled.length; i++) if (scaled[i] > scaled[most]) most = i;
  if (temperature === 0) return scaled.fill(0).fill(1, most, most + 1);
  const best = scaled[most];
  let sum = 0;
  for (let i = 0; i < scaled.length; i++) sum += scaled[i] = Math.exp((scaled[i] - best) / temperature);
  if (topP >= 1) return scaled.map((each) => each / sum);
  // Tokens rarer than this have together less than what top-p leaves out, so that only the others are sorted.
  const rare = (sum * (1 - topP)) / scaled.length / 2;
  const order = [];
  for (let i = 0; i < scaled.length; i++) {
    if (scaled[i] > rare) order.push(i);
    else scaled[i] = 0;
  }
  order.sort((a, b) => scaled[b] - scaled[a]);
  let before = 0, kept = 0;
  order.forEach((token, rank) => {
    const share = scaled[token] / sum;
    if (rank && before >= topP) scaled[token] = 0;
    else kept += scaled[token];
    before += share;
  });
  return scaled.map((each) => each / kept);
}

// The token at which the sum of the probabilities passes `chance`.
function draw(probabilities, chance) {
  let total = 0, passed = 0;
  for (const each of probabilities) total += each;
  const level = chance * total;
  for (let i = 0; i < probabilities.length; i++) {
    passed += probabilities[i];
    if (passed > level) return i;
  }
  return probabilities.length - 1;
}
