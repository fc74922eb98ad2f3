// Jordan network: h = g(W_h o + W_x x + b), where o is the distribution that the layer fed back.
cells["jordan"] = { feedsBack: true, step(x, { H, Wh, bh, product, g, h }, [o]) {
  multiply(Wh, o, bh, product);
  for (let i = 0; i < H; i++) h[i] = g(x[i] + product[i]);
} };
