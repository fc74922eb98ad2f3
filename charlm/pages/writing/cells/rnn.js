// Elman network: h = g(W_h h + W_x x + b).
cells["rnn"] = { step(x, { H, Wh, bh, product, g }, [h]) {
  multiply(Wh, h, bh, product);
  for (let i = 0; i < H; i++) h[i] = g(x[i] + product[i]);
} };
