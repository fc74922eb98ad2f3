// GRU without a reset gate; rows update, candidate.
cells["gru-simple"] = { step(x, { H, Wh, bh, product }, [c]) {
  const h = multiply(Wh, c, bh, product);
  for (let i = 0; i < H; i++) {
    const u = sigmoid(x[i] + h[i]);
    c[i] = u * Math.tanh(x[H + i] + h[H + i]) + (1 - u) * c[i];
  }
} };
