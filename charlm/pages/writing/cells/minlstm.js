// minLSTM; rows f, i, candidate. The share that is kept is f / (f + i), of their sigmoids.
cells["minlstm"] = { step(x, { H }, [h]) {
  for (let n = 0; n < H; n++) {
    const f = sigmoid(x[n]), i = sigmoid(x[H + n]);
    const kept = f + i > 0 ? f / (f + i) : x[n] >= x[H + n] ? 1 : 0;
    h[n] = kept * h[n] + (1 - kept) * x[2 * H + n];
  }
} };
