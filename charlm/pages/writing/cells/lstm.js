// LSTM; rows i, f, g, o. The state is the output a and the memory c.
cells["lstm"] = { parts: 2, step(x, { H, Wh, bh, product }, [a, c]) {
  const h = multiply(Wh, a, bh, product);
  for (let i = 0; i < H; i++) {
    const add = sigmoid(x[i] + h[i]) * Math.tanh(x[2 * H + i] + h[2 * H + i]);
    c[i] = sigmoid(x[H + i] + h[H + i]) * c[i] + add;
    a[i] = sigmoid(x[3 * H + i] + h[3 * H + i]) * Math.tanh(c[i]);
  }
} };
