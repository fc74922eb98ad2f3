// minGRU; rows z (the share that is updated), candidate. It has no W_h.
cells["mingru"] = { step(x, { H }, [h]) {
  for (let i = 0; i < H; i++) h[i] = sigmoid(-x[i]) * h[i] + sigmoid(x[i]) * x[H + i];
} };
