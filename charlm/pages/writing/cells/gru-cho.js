// GRU with the reset gate before the product; rows reset, update, candidate.
cells["gru-cho"] = { step(x, { H, Wh, bh, product }, [c]) {
  const gates = product.subarray(0, 2 * H), candidate = product.subarray(2 * H);
  multiply(Wh.subarray(0, 2 * H * H), c, bh.subarray(0, 2 * H), gates);
  const reset = c.map((each, i) => sigmoid(x[i] + gates[i]) * each);
  multiply(Wh.subarray(2 * H * H), reset, bh.subarray(2 * H), candidate);
  for (let i = 0; i < H; i++) {
    const u = sigmoid(x[H + i] + gates[H + i]);
    c[i] = u * Math.tanh(x[2 * H + i] + candidate[i]) + (1 - u) * c[i];
  }
} };
