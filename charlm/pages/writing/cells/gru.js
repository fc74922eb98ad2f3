// GRU with the reset gate after the product; rows r, z, n, where z is the share of the state that is kept.
cells["gru"] = { step(x, { H, Wh, bh, product }, [c]) {
  const h = multiply(Wh, c, bh, product);
  for (let i = 0; i < H; i++) {
    const r = sigmoid(x[i] + h[i]), z = sigmoid(x[H + i] + h[H + i]);
    c[i] = (1 - z) * Math.tanh(x[2 * H + i] + r * h[2 * H + i]) + z * c[i];
  }
} };
